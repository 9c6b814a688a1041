// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "config/config.h"
#include "db/accounts.h"
#include "sync/call_kind.h"

namespace bounced::sync {

// A turn that comes later than this behind its time is not used any more.
std::chrono::duration<double> latest_turn(const config::RateLimit& limit);

// The pace that keeps the limit in every window of its length, within 5 % or one call, though turns are used a little
// late and what was not used is made up for a little. The limit must be one (requests > 0).
db::Pace pace_of(const config::RateLimit& limit);

// How many calls come to their turn within about a second: more need not wait. Without a limit: any number.
int within_reach(const config::RateLimit& limit);

// How many turns could be used now, by kind of call.
struct WantedTurns {
  int lists = 0;
  int deletions = 0;
  int subusers = 0;

  [[nodiscard]] bool none() const { return lists + deletions + subusers == 0; }
  int& of(CallKind kind) {
    if (kind == CallKind::list) return lists;
    return kind == CallKind::deletion ? deletions : subusers;
  }
};

// Turns to call an account's API, under the rate limit that all daemons share, that this daemon has taken from the
// database and not used yet. They are evenly spread; one that is not used in time is lost.
class CallTurns {
 public:
  using Clock = std::chrono::steady_clock;

  // The limit must be one (requests > 0).
  explicit CallTurns(const config::RateLimit& limit);

  [[nodiscard]] const db::Pace& pace() const { return pace_; }

  // What the database gave, to a question asked at that time.
  void add(const db::Turns& taken, Clock::time_point asked, Clock::time_point now);
  // When the next one may be used, which may be now; nothing: there is none.
  [[nodiscard]] std::optional<Clock::time_point> next(Clock::time_point now);
  // Uses it, if it has come.
  bool use(Clock::time_point now);

 private:
  db::Pace pace_;
  Clock::duration late_;
  std::deque<Clock::time_point> turns_;
};

}  // namespace bounced::sync
