// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace bounced::config {

// Reads a duration: a whole number and one of s, m, h, d, as "30s", "5m", "24h", "7d", and nothing else.
// Throws std::invalid_argument, which says what would be right and does not repeat the text.
std::chrono::seconds parse_duration(std::string_view text);

// The shortest text that parse_duration() reads as the same duration, which is not negative: 90 s are "90s", 120 s
// are "2m".
std::string format_duration(std::chrono::seconds duration);

}  // namespace bounced::config
