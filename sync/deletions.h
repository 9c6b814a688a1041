// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "db/pool.h"
#include "db/requests.h"
#include "sync/accounts.h"
#include "sync/events.h"
#include "sync/request_ends.h"
#include "sync/request_lanes.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// Carries out deletion requests: claims what is due, calls the API, and writes what came of it. The queue is in the
// database; a daemon that dies leaves requests that others find, and nothing that only it knew.
//
// Three things go on side by side, each started when there is work for it: the loop that looks for requests and claims
// them, a call for each request in flight, and one writer of ends, which writes at once all that ended while it wrote.
class Deletions {
 public:
  // `settings` are read anew each time.
  Deletions(const boost::asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
            std::int64_t daemon, const config::Deletions& settings);

  // Until stop(). Waits for a database that is away. Throws what it cannot handle: the process should end.
  boost::asio::awaitable<void> run();

  // Carries out what is due of these customers' requests, then returns; a request that met a fault is not tried twice.
  // Throws db::Unavailable when the database goes away.
  boost::asio::awaitable<void> drain(std::set<std::string> customers);

  // Claims no more and gives back what was not sent. Calls that are in flight have a few seconds to end.
  void stop();

  // There may be new requests.
  void wake();

  // When its loop came round last.
  [[nodiscard]] std::chrono::steady_clock::time_point turned_at() const { return wakeup_.waited_at(); }

  // The configuration is another one now: what is not sent yet is claimed anew by it.
  void reconfigured();

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<void> work();
  boost::asio::awaitable<Seconds> step();
  boost::asio::awaitable<Seconds> look_and_claim();
  boost::asio::awaitable<void> look();
  boost::asio::awaitable<void> wind_up();
  void start_calls();
  boost::asio::awaitable<void> call(RequestLanes::Request request);
  boost::asio::awaitable<db::RequestEnd> carry_out(RequestLanes::Request& request,
                                                   std::vector<RequestLanes::Request>& along, bool& sent);
  [[nodiscard]] static db::RequestEnd refused(const RequestLanes::Request& request, const std::string& why);
  boost::asio::awaitable<db::RequestEnd> remove(const RequestLanes::Request& request, Account& account,
                                                api::Addresses addresses);
  boost::asio::awaitable<db::RequestEnd> end_with_fault(const RequestLanes::Request& request, Account& account,
                                                        const api::Fault& fault);
  void give_back(std::vector<RequestLanes::Request> unsent);
  void written(EndedRequest ended, bool claim_lost);
  void check() const;
  void count(db::RequestEnd::Kind kind);
  void tell_progress();
  [[nodiscard]] bool is_ours(const db::WaitingCustomer& customer) const;
  [[nodiscard]] RequestLanes::Limits limits_of(const std::string& name) const;
  [[nodiscard]] int per_call(const Account& account) const;

  boost::asio::any_io_executor executor_;
  db::Pool& pool_;
  Accounts& accounts_;
  Observer& observer_;
  std::int64_t daemon_;
  const config::Deletions& settings_;
  RequestLanes lanes_;
  RequestEnds ends_;
  Wakeup wakeup_;
  Clock::time_point look_at_{};                        // at the latest
  Clock::time_point may_look_at_{};                    // at the earliest, when something new was told
  bool told_ = true;                                   // something new
  std::list<boost::asio::cancellation_signal> calls_;  // in flight
  std::multiset<std::string> being_paused_;            // accounts: none of their requests is sent
  int pauses_ = 0;                                     // so far
  int lapses_ = 0;                                     // of our standing, as of the last look at them
  int losses_ = 0;                                     // of the database, in a row
  std::string database_lost_;
  RequestsProgress progress_;
  Clock::time_point progress_since_{};
  std::set<std::string> only_;  // customers to drain; none: all
  bool draining_ = false;
  bool claimed_some_ = false;  // since the queue was last seen empty
  bool stopping_ = false;
  std::exception_ptr broken_;
};

}  // namespace bounced::sync
