// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/retry_after.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace bounced::api {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Digits only. A number that is too large is the largest.
std::optional<std::int64_t> number(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  std::int64_t value = std::numeric_limits<std::int64_t>::max();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::optional<std::chrono::month> month(std::string_view name) {
  constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto at = name.size() == 3 ? names.find(name) : names.npos;
  if (at == names.npos || at % 3 != 0) return std::nullopt;
  return std::chrono::month(static_cast<unsigned>(at / 3 + 1));
}

// A year of two digits is the one that is at most 50 years ahead.
std::int64_t with_century(std::int64_t year, sys_seconds now) {
  const int this_year = int(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year());
  const std::int64_t full = this_year / 100 * 100 + year;
  return full > this_year + 50 ? full - 100 : full;
}

}  // namespace

std::optional<sys_seconds> http_date(std::string_view text, sys_seconds now) {
  // The parts of the three forms, as day month year hour minute second, after the name of the day:
  //   06 Nov 1994 08:49:37 GMT     06-Nov-94 08:49:37 GMT     Nov  6 08:49:37 1994
  std::array<std::string_view, 8> parts;
  std::size_t count = 0;
  constexpr std::string_view between = " ,:-";
  for (auto at = text.find_first_not_of(between); at != text.npos; at = text.find_first_not_of(between, at)) {
    if (count == parts.size()) return std::nullopt;
    const auto end = std::min(text.find_first_of(between, at), text.size());
    parts[count++] = text.substr(at, end - at);
    at = end;
  }
  const bool asctime = count == 7 && month(parts[1]).has_value();
  if (asctime) {
    parts = {parts[0], parts[2], parts[1], parts[6], parts[3], parts[4], parts[5]};
  } else if (count != 8 || parts[7] != "GMT") {
    return std::nullopt;
  }
  const auto day = number(parts[1]);
  const auto named_month = month(parts[2]);
  auto year = number(parts[3]);
  const auto hour = number(parts[4]);
  const auto minute = number(parts[5]);
  const auto second = number(parts[6]);
  if (!day || !named_month || !year || !hour || !minute || !second) return std::nullopt;
  if (parts[3].size() == 2) year = with_century(*year, now);
  if (*day > 31 || *year > 9999 || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)), *named_month,
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) + seconds(*second);
}

std::optional<seconds> retry_after(std::string_view retry_after, std::string_view rate_limit_reset, sys_seconds now) {
  static constexpr std::int64_t longest =
      24 * 60 * 60;  // what asks for more is a mistake, and a person may have mended it
  const auto bounded = [](std::int64_t count) { return seconds(std::clamp<std::int64_t>(count, 1, longest)); };
  if (const auto count = number(trim(retry_after))) return bounded(*count);
  if (const auto date = http_date(retry_after, now)) return bounded((*date - now).count());
  // A small number would be a time of the last century: some other meaning, that we do not know.
  auto reset = number(trim(rate_limit_reset));
  // Milliseconds, or less.
  while (reset && *reset >= 100'000'000'000) *reset /= 1000;
  if (reset && *reset >= 1'000'000'000) return bounded(*reset - now.time_since_epoch().count());
  return std::nullopt;
}

}  // namespace bounced::api
