// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/claims.h"
#include "db/pool.h"
#include "sync/in_flight.h"
#include "sync/wakeup.h"

namespace bounced::daemon {

// Tells what a sync waits for, while it waits: each thing when it has lasted some seconds, and again every minute.
class SyncWaits {
 public:
  using Clock = std::chrono::steady_clock;
  using Tell = std::function<void(const std::string& line)>;
  // The customers that are neither done nor being polled.
  using Waiting = std::function<std::vector<std::string>()>;

  SyncWaits(const boost::asio::any_io_executor& executor, db::Pool& pool, const sync::InFlight& in_flight,
            Waiting waiting, Tell tell)
      : pool_(pool),
        in_flight_(in_flight),
        waiting_(std::move(waiting)),
        tell_(std::move(tell)),
        ask_again_(executor),
        look_again_(executor) {}

  // What it waits for as a whole from now on; empty: nothing.
  void stage(std::string what);
  // It is that daemon in the database from now on.
  void is_daemon(std::int64_t number) { daemon_ = number; }

  // Two loops, to be run beside the work: the one that tells does not wait for the database.
  boost::asio::awaitable<void> ask();
  boost::asio::awaitable<void> look();

  // All that it waits for now, one thing each.
  [[nodiscard]] std::vector<std::string> waits() const { return waits_at(Clock::now()); }

 private:
  struct Told {
    Clock::time_point since;
    std::optional<Clock::time_point> when;
  };

  [[nodiscard]] std::vector<std::string> waits_at(Clock::time_point now) const;
  void look_at(Clock::time_point now);

  db::Pool& pool_;
  const sync::InFlight& in_flight_;
  Waiting waiting_;
  Tell tell_;
  sync::Wakeup ask_again_;
  sync::Wakeup look_again_;
  std::int64_t daemon_ = 0;
  std::string stage_;
  std::vector<db::Hindrance> hindrances_;      // as the database answered last
  std::optional<Clock::time_point> asked_at_;  // none: it has answered
  std::map<std::string, Told> told_;
};

}  // namespace bounced::daemon
