// SPDX-License-Identifier: Apache-2.0
#include "sync/api/rate_room.h"

#include <algorithm>
#include <charconv>

#include "sync/api/parse/retry_after.h"

namespace bounced::api {
namespace {

using namespace std::chrono_literals;

// Of the limit, for what other daemons send before they hear of it.
constexpr int reserve_share = 50;

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

void RateRoom::note(const HttpHead& head) {
  const auto remaining = number(head.rate_limit_remaining);
  const auto here = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto server_now = http_date(head.date, here).value_or(here);
  const auto reset_in = retry_after({}, head.rate_limit_reset, server_now);
  if (!remaining || !reset_in) return;
  const auto now = Clock::now();
  const auto reset_at = now + *reset_in;
  // Answers of one window may come in another order than they were made in; the times are in whole seconds.
  const bool same_window = now < reset_at_ && reset_at < reset_at_ + 2s;
  remaining_ = same_window ? std::min(remaining_, *remaining) : *remaining;
  if (!same_window) reset_at_ = reset_at;
  limit_ = number(head.rate_limit).value_or(0);
}

std::optional<std::chrono::seconds> RateRoom::wait_for() const {
  const auto now = Clock::now();
  if (now >= reset_at_ || remaining_ - in_flight_ > limit_ / reserve_share) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(reset_at_ - now);
}

}  // namespace bounced::api
