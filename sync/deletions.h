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
#include "sync/database_trouble.h"
#include "sync/events.h"
#include "sync/removals.h"
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
  boost::asio::awaitable<void> run() { return work(); }

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
  boost::asio::awaitable<void> call(RequestLanes::Request request, InFlight::Entry flight);
  boost::asio::awaitable<db::RequestEnd> carry_out(RequestLanes::Request& request,
                                                   std::vector<RequestLanes::Request>& along, bool& sent,
                                                   InFlight::Entry& flight);
  void give_back(std::vector<RequestLanes::Request> unsent);
  void written(EndedRequest ended, bool claim_lost);
  void check() const;
  [[nodiscard]] bool is_ours(const db::WaitingCustomer& customer) const;
  [[nodiscard]] RequestLanes::Limits limits_of(const std::string& name) const;
  [[nodiscard]] int per_call(const Account& account) const;

  boost::asio::any_io_executor executor_;
  db::Pool& pool_;
  Accounts& accounts_;
  Observer& observer_;
  std::int64_t daemon_;
  const config::Deletions& settings_;
  Removals removals_;
  RequestLanes lanes_;
  RequestEnds ends_;
  Wakeup wakeup_;
  DatabaseTrouble trouble_;
  Clock::time_point look_at_{};                        // at the latest
  Clock::time_point may_look_at_{};                    // at the earliest, when something new was told
  bool told_ = true;                                   // something new
  std::list<boost::asio::cancellation_signal> calls_;  // in flight
  int pauses_ = 0;                                     // so far
  int lapses_ = 0;                                     // of our standing, as of the last look at them
  std::string database_lost_;
  RemovalProgress progress_;
  std::set<std::string> only_;  // customers to drain; none: all
  bool draining_ = false;
  bool claimed_some_ = false;  // since the queue was last seen empty
  bool stopping_ = false;
  std::exception_ptr broken_;
};

}  // namespace bounced::sync
