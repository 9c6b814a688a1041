// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

namespace bounced::sync {

// How long to wait before the next try: doubled with each failure up to a cap, of which a random half is taken off, so
// that those who failed together do not try again together.
struct Backoff {
  std::chrono::duration<double> base;
  std::chrono::duration<double> cap;

  // After so many failures in a row (at least 1); `random` is in [0, 1).
  [[nodiscard]] std::chrono::duration<double> delay(int failures, double random) const {
    // 2^60 s is more than any cap.
    const auto grown = base * std::exp2(std::clamp(failures - 1, 0, 60));
    return std::min(grown, cap) * (1 - random / 2);
  }

  [[nodiscard]] std::chrono::duration<double> delay(int failures) const {
    thread_local std::minstd_rand generator{std::random_device{}()};
    return delay(failures, std::uniform_real_distribution<double>(0, 1)(generator));
  }
};

// While the database is away: one that is restarted mostly answers within seconds.
inline constexpr Backoff database_retry{std::chrono::milliseconds(500), std::chrono::seconds(10)};

}  // namespace bounced::sync
