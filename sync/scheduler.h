// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sync/database_trouble.h"
#include "sync/poll_group.h"

namespace bounced::sync {

// Polls every customer when it is due, until it is stopped. The schedule is in the database: this loop claims what is
// due, and sleeps until the next customer is, a poll ends, or it is woken.
class Scheduler {
 public:
  // `settings` are read anew each time.
  Scheduler(const boost::asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
            std::int64_t daemon, const config::Polling& settings);

  // Ends after stop(), when the last poll has ended. Throws what it cannot handle: the process should end.
  boost::asio::awaitable<void> run();

  // Takes no new work and breaks off what waits for the network; what runs at the database comes to its end.
  void stop();

  // When it came round last.
  [[nodiscard]] std::chrono::steady_clock::time_point turned_at() const { return wakeup_.waited_at(); }

  // Something may be due earlier than it was.
  void wake() { wakeup_.wake(); }

  // These customers' rows say something else than the configuration, and no others do: they are left alone.
  void leave_alone(const std::vector<int>& customers);

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<Seconds> claim_and_start();
  boost::asio::awaitable<Seconds> step();
  void ended(const db::Claim& claim, const PollResult& result);
  void fail_unnoted(const db::Claim& claim, const PollResult& result);
  void brake(const PollResult& result);
  [[nodiscard]] bool braked() const;
  [[nodiscard]] std::vector<int> not_now();

  db::Pool& pool_;
  Accounts& accounts_;
  Observer& observer_;
  std::int64_t daemon_;
  Wakeup wakeup_;
  PollGroup polls_;
  std::map<int, Clock::time_point> left_alone_;  // customers that disagree, until when
  struct Unnoted {
    int failures = 0;           // in a row
    Clock::time_point until{};  // it is left alone
  };
  std::map<int, Unnoted> unnoted_;  // customers whose failures could not be noted, so that only we know of them
  std::map<int, int> lost_;         // customers: polls in a row whose session broke, though the database was there
  std::optional<Clock::time_point> lost_since_;  // the database
  DatabaseTrouble trouble_;                      // of this loop
  DatabaseTrouble poll_trouble_;                 // of polls that the database refuses
  int refused_ = 0;                              // polls in a row that the database refused
  Clock::time_point braked_until_{};             // when the next poll may start, while it refuses them
  std::optional<int> probe_;                     // customer whose poll finds out whether it still does
  bool stopping_ = false;
};

}  // namespace bounced::sync
