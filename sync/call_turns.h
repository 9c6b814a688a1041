// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "config/config.h"
#include "db/accounts.h"
#include "db/pool.h"

namespace bounced::sync {

// A turn that comes later than this behind its time is not used any more.
std::chrono::duration<double> latest_turn(const config::RateLimit& limit);

// The pace that keeps the limit in every window of its length, within 5 % or one call, though turns are used a little
// late and what was not used is made up for a little. The limit must be one (requests > 0).
db::Pace pace_of(const config::RateLimit& limit);

// Whose turn it is to call an account's API, under the rate limit that all daemons share: turns are taken from the
// database, a few at a time, evenly spread. Of this daemon's calls deletions go first; every fourth turn is a poll's.
class CallTurns {
 public:
  enum class Use { deletion, poll };

  // The limit must be one (requests > 0). The pool must outlive those who wait.
  CallTurns(const boost::asio::any_io_executor& executor, db::Pool& pool, std::string account,
            const config::RateLimit& limit);
  // Turns back who waits.
  ~CallTurns();
  CallTurns(const CallTurns&) = delete;
  CallTurns& operator=(const CallTurns&) = delete;

  // Waits for a turn; true: call at once. False: the account is paused, or was turned back: make no call. Waits for a
  // database that is away. Throws operation_aborted when it is cancelled.
  boost::asio::awaitable<bool> wait(Use use);

  // Lets everybody go who waits, without a turn.
  void turn_back();

  // How many calls come to their turn within about a second: more need not wait.
  [[nodiscard]] int within_reach() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bounced::sync
