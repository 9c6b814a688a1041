// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "sync/call_turns.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

// The most calls that any window of this length holds; it ends before the call that is its length after the first.
std::size_t fullest_window(const std::vector<double>& sorted, double length) {
  std::size_t fullest = 0;
  for (std::size_t first = 0, end = 0; first < sorted.size(); ++first) {
    while (end < sorted.size() && sorted[end] < sorted[first] + length) ++end;
    fullest = std::max(fullest, end - first);
  }
  return fullest;
}

TEST(Pace, TheUsualLimitIsUsedToTheFull) {
  EXPECT_DOUBLE_EQ(pace_of({.requests = 600, .per = 1min}).spacing.count(), 0.1);
  EXPECT_LE(pace_of({.requests = 1000, .per = 1s}).spacing.count(), 0.00102);
}

TEST(Pace, SmallLimitsLoseLittle) {
  EXPECT_LE(pace_of({.requests = 1, .per = 1min}).spacing.count(), 60 * 1.03);
  EXPECT_LE(pace_of({.requests = 10, .per = 1s}).spacing.count(), 0.1 * 1.07);
}

// Whatever turns are used late, as late as is allowed, and after pauses of which a little is made up for.
TEST(Pace, EveryWindowKeepsTheLimitWithin5Percent) {
  std::mt19937 random(1);
  const auto any = [&](double most) { return std::uniform_real_distribution<double>(0, most)(random); };
  for (const config::RateLimit limit :
       {config::RateLimit{1, 1min}, {3, 1s}, {10, 1s}, {19, 1min}, {21, 1min}, {200, 10s}, {600, 1min}, {1000, 1s}}) {
    const db::Pace pace = pace_of(limit);
    const double late = latest_turn(limit).count();
    std::vector<double> calls;
    double until = 0;
    double now = 0;
    for (int i = 0; i < 5000; ++i) {
      // As take_turns.sql does it.
      if (i % 100 == 99) now = until + any(static_cast<double>(limit.per.count()));
      const double turn = std::max(until, now - pace.make_up_for.count());
      until = turn + pace.spacing.count();
      calls.push_back(std::max(turn, now) + (i % 3 == 0 ? late : any(late)));
      now = std::max(now, turn);
    }
    std::ranges::sort(calls);
    const auto most = static_cast<std::size_t>(std::floor(limit.requests * 1.05));
    EXPECT_LE(fullest_window(calls, static_cast<double>(limit.per.count())), most) << limit.requests;
  }
}

}  // namespace
}  // namespace bounced::sync
