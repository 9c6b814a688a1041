// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/at_database.h"
#include "daemon/log_events.h"
#include "db/customers.h"
#include "sync/accounts.h"
#include "sync/database_trouble.h"
#include "sync/discovery.h"
#include "sync/wakeup.h"

namespace bounced::daemon {

// Brings the configuration's accounts and customers into the database, and finds out at the API which customers there
// are.
class Registration {
 public:
  // `leave_alone` is called with the customers whose rows say something else than the configuration.
  Registration(const boost::asio::any_io_executor& executor, db::Pool& pool, AtDatabase& at_database,
               sync::Accounts& accounts, LogEvents& events, Log& log,
               std::function<void(const std::vector<int>&)> leave_alone);

  // These accounts' credentials or servers may be right now: the next registration ends their pauses.
  void retry(const std::vector<std::string>& accounts) { retry_.insert(accounts.begin(), accounts.end()); }
  // Registers what a start has made the configuration, however long the database takes. Returns false if the daemon is
  // to stop.
  boost::asio::awaitable<bool> start(std::int64_t daemon);
  // The configuration is another. Returns whether that is registered; else the next refresh() that the database lets
  // through does it.
  boost::asio::awaitable<bool> reconfigured();

  // Looks whether another daemon, or the API, has changed something, and if so registers again; then makes changes that
  // take longer, one customer at a time. What the database does not do is left to the next time.
  boost::asio::awaitable<void> refresh();
  // Until it is time for that: after a minute, sooner where something is left to do, or at wake().
  boost::asio::awaitable<void> wait();
  void wake() { due_.wake(); }

  // Asks the API for the customers of accounts that do not list them, for ever.
  boost::asio::awaitable<void> discover();
  // Asks for all of them again.
  void rediscover();

 private:
  using Snapshot = std::shared_ptr<const db::Configured>;

  using Work = std::function<void(db::Session&)>;
  // Returns whether the work was done.
  using Run = std::function<boost::asio::awaitable<bool>(Work work)>;

  boost::asio::awaitable<bool> recall(const Run& run);
  boost::asio::awaitable<bool> change(const Run& run);
  boost::asio::awaitable<bool> change_now();
  boost::asio::awaitable<bool> once(Work work);
  void decide();
  boost::asio::awaitable<void> end_pauses();
  boost::asio::awaitable<void> compare();
  boost::asio::awaitable<void> change_later(sync::InFlight::Entry& flight);
  void registered(const Snapshot& configured, db::Registered result);

  db::Pool& pool_;
  AtDatabase& at_database_;
  sync::Accounts& accounts_;
  LogEvents& events_;
  Log& log_;
  std::function<void(const std::vector<int>&)> leave_alone_;
  sync::Discovery discovery_;
  sync::Wakeup due_;
  sync::Wakeup discovery_due_;
  std::int64_t daemon_ = 0;
  // As of the last registration: while all of it is the same, there is nothing to compare.
  Snapshot registered_;
  std::string state_;
  std::chrono::steady_clock::time_point compare_at_{};  // in any case
  std::deque<db::CustomerChange> later_;
  std::chrono::steady_clock::time_point refreshed_at_{};
  bool too_soon_ = false;        // a refresh that was asked for has been put off
  bool decided_ = false;         // a start or a reload, and what it decided is not registered yet
  std::set<std::string> retry_;  // accounts whose pauses are to be ended
  sync::Seconds retry_in_{};     // after a registration that failed
  sync::DatabaseTrouble trouble_;
};

}  // namespace bounced::daemon
