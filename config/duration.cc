// SPDX-License-Identifier: Apache-2.0
#include "config/duration.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <system_error>

namespace bounced::config {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};

constexpr std::array<Unit, 4> units = {{{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

}  // namespace

std::chrono::seconds parse_duration(std::string_view text) {
  const char* const end = text.data() + text.size();
  // Unsigned, so that from_chars takes no sign.
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc::invalid_argument && rest + 1 == end) {
    for (const Unit& unit : units) {
      if (unit.letter != *rest) continue;
      constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max();
      if (error != std::errc{} || number > longest / static_cast<std::uint64_t>(unit.seconds)) {
        throw std::invalid_argument("is too long a duration");
      }
      return std::chrono::seconds(static_cast<std::int64_t>(number) * unit.seconds);
    }
  }
  throw std::invalid_argument("is no duration; write a whole number and one of s, m, h, d, as 30s, 5m, 24h or 7d");
}

std::string format_duration(std::chrono::seconds duration) {
  for (const Unit& unit : units) {
    if (duration.count() != 0 && duration.count() % unit.seconds == 0) {
      return std::to_string(duration.count() / unit.seconds) + unit.letter;
    }
  }
  return "0s";
}

}  // namespace bounced::config
