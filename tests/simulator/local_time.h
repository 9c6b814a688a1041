// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bounced::simulator {

enum class Zone { utc, los_angeles };

// Throws std::invalid_argument at a time zone of which the simulator knows no rules.
Zone zone_of(std::string_view name);

// The unix time of "YYYY-MM-DD HH:MM:SS" there; nullopt if it is no such text. By the rules of the USA since 2007. An
// hour that comes twice is its first one, daylight time; one that is missing counts as standard time.
std::optional<std::int64_t> unix_time(std::string_view local, Zone zone);

}  // namespace bounced::simulator
