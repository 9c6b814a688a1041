// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/local_time.h"

#include <charconv>
#include <chrono>
#include <stdexcept>
#include <string>

namespace bounced::simulator {
namespace {

using namespace std::chrono;

// A number of so many digits, and what stands behind it, taken off the text; -1 if that is not there.
int take(std::string_view& text, std::size_t digits, std::string_view behind) {
  int number = 0;
  const std::string_view front = text.substr(0, digits);
  if (front.size() != digits || front.find_first_not_of("0123456789") != front.npos) return -1;
  if (!text.substr(digits).starts_with(behind)) return -1;
  std::from_chars(front.begin(), front.end(), number);
  text.remove_prefix(digits + behind.size());
  return number;
}

bool is_daylight(sys_seconds local, year_month_day day) {
  const auto begins = sys_days{day.year() / March / Sunday[2]} + hours{3};
  const auto ends = sys_days{day.year() / November / Sunday[1]} + hours{2};
  return local >= begins && local < ends;
}

}  // namespace

Zone zone_of(std::string_view name) {
  if (name == "UTC") return Zone::utc;
  if (name == "America/Los_Angeles") return Zone::los_angeles;
  throw std::invalid_argument("the simulator's v3 does not know the time zone " + std::string(name));
}

std::optional<std::int64_t> unix_time(std::string_view local, Zone zone) {
  const int y = take(local, 4, "-");
  const int m = take(local, 2, "-");
  const int d = take(local, 2, " ");
  const int h = take(local, 2, ":");
  const int min = take(local, 2, ":");
  const int s = take(local, 2, "");
  const year_month_day day{year{y}, month{static_cast<unsigned>(m)}, std::chrono::day{static_cast<unsigned>(d)}};
  if (!day.ok() || y < 0 || h < 0 || h > 23 || min < 0 || min > 59 || s < 0 || s > 59 || !local.empty()) {
    return std::nullopt;
  }
  const sys_seconds time = sys_days{day} + hours{h} + minutes{min} + seconds{s};
  const auto behind = zone == Zone::utc ? hours{0} : is_daylight(time, day) ? hours{7} : hours{8};
  return (time + behind).time_since_epoch().count();
}

}  // namespace bounced::simulator
