// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <set>
#include <string>

#include "config/config.h"
#include "db/pool.h"
#include "db/requests.h"
#include "sync/accounts.h"
#include "sync/decision.h"
#include "sync/events.h"
#include "sync/request_lanes.h"

namespace bounced::sync {

// Calls the API to take addresses off a list, and does what is decided about its answer.
class Removals {
 public:
  // `settings` are read anew each time.
  Removals(db::Pool& pool, Accounts& accounts, Observer& observer, const config::Deletions& settings)
      : pool_(pool), accounts_(accounts), observer_(observer), settings_(settings) {}

  struct Outcome {
    db::RequestEnd end;   // of `request`; the same holds for those that went along in the call
    bool paused = false;  // what was claimed of the account and not sent must be given back
  };
  // The call and its outcome. `request`: the first of those whose addresses these are.
  boost::asio::awaitable<Outcome> remove(const RequestLanes::Request& request, Account& account,
                                         api::Addresses addresses, api::Admit admit);

  // A call has found that the account's deletions must pause, and that is being written: nothing of it is sent.
  [[nodiscard]] bool is_being_paused(const std::string& account) const { return being_paused_.contains(account); }
  // For how much longer this daemon makes no call for the customer.
  [[nodiscard]] Seconds held_for(const std::string& customer) const;

  // The end of a request whose email no call can be made with.
  [[nodiscard]] static db::RequestEnd refused(const db::RequestClaim& claim, const std::string& why);
  // The end of a request whose call threw.
  [[nodiscard]] static db::RequestEnd broken(const db::RequestClaim& claim, const std::string& why);
  // What the end says about the lane.
  [[nodiscard]] static RequestLanes::Answer answer_of(const db::RequestEnd& end);

 private:
  struct Hold {
    std::chrono::steady_clock::time_point until{};
    int times = 0;  // in a row
  };

  boost::asio::awaitable<void> answered(const RequestLanes::Request& request, Account& account);
  boost::asio::awaitable<void> pause(const RequestLanes::Request& request, Account& account, const api::Fault& fault,
                                     Decision::Pause who);
  void hold(const std::string& customer, const api::Fault& fault, const Account& account);
  [[nodiscard]] db::RequestEnd end_of(const db::RequestClaim& claim, const api::Fault& fault,
                                      Decision::End decided) const;

  db::Pool& pool_;
  Accounts& accounts_;
  Observer& observer_;
  const config::Deletions& settings_;
  std::multiset<std::string> being_paused_;  // accounts
  std::map<std::string, Hold> held_;         // by customer
};

// Counts ended requests, for the log's lines of progress.
class RemovalProgress {
 public:
  explicit RemovalProgress(Observer& observer) : observer_(observer) {}
  void count(db::RequestEnd::Kind kind);
  void tell();
  // It was told a minute ago.
  [[nodiscard]] bool is_due() const;

 private:
  Observer& observer_;
  RequestsProgress progress_;
  std::chrono::steady_clock::time_point since_{};
};

}  // namespace bounced::sync
