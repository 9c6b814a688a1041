// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace bounced::api {

// How long an exchange may still wait for the network. Waiting uses it up; what is received for good earns some back,
// at the slowest pace that is worth waiting for, but never beyond what it began with. So a long list may take hours as
// long as it keeps that pace, and an answer that only trickles ends soon, however much came before.
class Budget {
 public:
  using Duration = std::chrono::milliseconds;

  Budget(Duration most, std::uint64_t bytes_per_second)
      : most_(most), left_(most), bytes_per_second_(std::max<std::uint64_t>(1, bytes_per_second)) {}

  [[nodiscard]] Duration left() const { return left_; }
  [[nodiscard]] bool used_up() const { return left_ <= Duration::zero(); }
  // For an operation that has a limit of its own too.
  [[nodiscard]] Duration within(Duration limit) const { return std::clamp(limit, Duration::zero(), left_); }

  void waited(Duration time) { left_ = std::max(Duration::zero(), left_ - time); }
  void earn(std::uint64_t bytes) {
    // What earns more than there is room for: so many bytes cannot overflow either.
    const auto room = static_cast<std::uint64_t>((most_ - left_).count());
    const std::uint64_t enough = (room / 1000 + 1) * bytes_per_second_;
    left_ = bytes >= enough
                ? most_
                : std::min(most_, left_ + Duration(static_cast<std::int64_t>(bytes * 1000 / bytes_per_second_)));
  }

 private:
  Duration most_;
  Duration left_;
  std::uint64_t bytes_per_second_;
};

}  // namespace bounced::api
