// SPDX-License-Identifier: Apache-2.0
#include "sync/call_turns.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

// What is made up for after a moment in which nobody called: a hundredth of the window.
constexpr double made_up_share = 0.01;

CallTurns::Clock::duration ticks(Seconds time) {
  return std::chrono::duration_cast<CallTurns::Clock::duration>(time);
}

}  // namespace

Seconds latest_turn(const config::RateLimit& limit) {
  // A hundredth of the window; where that is short, what a busy machine takes.
  return std::max<Seconds>(Seconds(limit.per) * 0.01, 50ms);
}

db::Pace pace_of(const config::RateLimit& limit) {
  const Seconds made_up_for = Seconds(limit.per) * made_up_share;
  // So many of a window's turns may fall into it, from a little before it and a little after it too.
  const double most = std::floor(limit.requests * 1.05);
  const Seconds spacing =
      std::max<Seconds>(Seconds(limit.per) / limit.requests, (limit.per + made_up_for + latest_turn(limit)) / most);
  return {.spacing = spacing, .make_up_for = made_up_for};
}

int within_reach(const config::RateLimit& limit) {
  if (limit.requests <= 0) return std::numeric_limits<int>::max();
  return std::max(1, static_cast<int>(1s / pace_of(limit).spacing));
}

CallTurns::CallTurns(const config::RateLimit& limit) : pace_(pace_of(limit)), late_(ticks(latest_turn(limit))) {}

void CallTurns::add(const db::Turns& taken, Clock::time_point asked, Clock::time_point now) {
  // An answer that took so long is of the past, and its turns may be.
  if (now - asked > 1s) return;
  // What is made up for is used now, not too late.
  for (int i = 0; i < taken.count; ++i)
    turns_.push_back(now + ticks(std::max<Seconds>(taken.first_in + i * pace_.spacing, 0s)));
}

std::optional<CallTurns::Clock::time_point> CallTurns::next(Clock::time_point now) {
  while (!turns_.empty() && now > turns_.front() + late_) turns_.pop_front();
  return turns_.empty() ? std::nullopt : std::optional(turns_.front());
}

bool CallTurns::use(Clock::time_point now) {
  const auto turn = next(now);
  if (!turn || *turn > now) return false;
  turns_.pop_front();
  return true;
}

}  // namespace bounced::sync
