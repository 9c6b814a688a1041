// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>

#include "db/daemons.h"
#include "db/pool.h"
#include "sync/accounts.h"
#include "sync/database_trouble.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// Says every few seconds that this daemon is alive, on a connection of its own, so that nothing else holds it up, and
// tells the accounts so.
class Heart {
 public:
  // `started`: when the database was asked to start the daemon, which was its first heartbeat.
  Heart(const boost::asio::any_io_executor& executor, db::Options options, db::DaemonFacts facts, std::int64_t daemon,
        std::chrono::steady_clock::time_point started, Accounts& accounts, Observer& observer);

  // Ends after stop(). Does not throw for a database that is away: it tries again.
  boost::asio::awaitable<void> run();
  void stop();

  // When it came round last.
  [[nodiscard]] std::chrono::steady_clock::time_point turned_at() const { return wakeup_.waited_at(); }

  // Beats at once.
  void hurry() { wakeup_.wake(); }

 private:
  db::Pool pool_;
  db::DaemonFacts facts_;
  std::int64_t daemon_;
  Accounts& accounts_;
  Wakeup wakeup_;
  DatabaseTrouble trouble_;
  bool stopping_ = false;
};

}  // namespace bounced::sync
