// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/rate_limit.h"

namespace bounced::simulator {

void RateLimit::set(std::uint64_t requests, std::chrono::seconds per) {
  const std::lock_guard lock(mutex_);
  requests_ = requests;
  per_ = per;
  windows_.clear();
}

std::optional<RateLimit::Verdict> RateLimit::count(const std::string& key) {
  const auto now = std::chrono::system_clock::now();
  const std::lock_guard lock(mutex_);
  if (requests_ == 0) return std::nullopt;
  Window& window = windows_[key];
  if (now >= window.ends) window = {now + per_, requests_};
  const bool refused = window.remaining == 0;
  if (!refused) --window.remaining;
  // Rounded up: whoever waits until then finds a new window.
  return Verdict{refused, requests_, window.remaining,
                 std::chrono::ceil<std::chrono::seconds>(window.ends.time_since_epoch()).count()};
}

}  // namespace bounced::simulator
