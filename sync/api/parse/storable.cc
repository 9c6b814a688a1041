// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/storable.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "sync/api/parse/utf8.h"

namespace bounced::api {
namespace {

// How many plain bytes stand first, with single spaces between them.
std::size_t plain_run(std::string_view bytes) {
  std::size_t end = 0;
  while (end < bytes.size() && (is_plain(bytes[end]) ||
                                (bytes[end] == ' ' && end > 0 && end + 1 < bytes.size() && is_plain(bytes[end + 1])))) {
    ++end;
  }
  return end;
}

}  // namespace

void StorableText::append(std::string_view piece) {
  if (full_) return;
  if (cut_.empty()) {
    cut_ = consume(piece);
  } else {
    const std::string whole = cut_.append(piece);
    cut_ = consume(whole);
  }
}

std::string StorableText::take() {
  if (!cut_.empty()) add_char(replacement, false);
  text_.resize(end_);
  return std::move(text_);
}

void StorableText::clear() {
  text_.clear();
  cut_.clear();
  end_ = 0;
  blank_before_ = false;
  full_ = false;
}

// Adds all but a character that is cut by the end of the bytes, and returns that.
std::string_view StorableText::consume(std::string_view bytes) {
  while (!bytes.empty() && !full_) {
    const std::size_t plain = plain_run(bytes);
    if (plain > 0) {
      add_run(bytes.substr(0, plain));
      bytes.remove_prefix(plain);
      continue;
    }
    const Utf8Step step = read_utf8(bytes);
    if (step.state == Utf8Step::State::cut) return bytes;
    if (step.state == Utf8Step::State::bad || is_noncharacter(step.code)) {
      add_char(replacement, false);
    } else if (step.code != 0) {
      add_char(bytes.substr(0, step.length), is_blank(step.code));
    }
    bytes.remove_prefix(step.length);
  }
  return {};
}

// Like add_char() for each character of it, but quick.
void StorableText::add_run(std::string_view plain) {
  add_char(plain.substr(0, 1), false);
  if (full_) return;
  std::string_view fits = plain.substr(1, limit_ - text_.size());
  full_ = fits.size() + 1 < plain.size();
  if (fits.ends_with(' ')) fits.remove_suffix(1);  // it is cut off there
  add(fits);
}

void StorableText::add_char(std::string_view bytes, bool blank) {
  if (blank) {
    if (text_.empty()) return;
    if (blanks_ == Blanks::fold || text_.size() + bytes.size() > limit_) {
      blank_before_ = true;
    } else {
      text_ += bytes;
    }
    return;
  }
  const std::size_t space = blank_before_ ? 1 : 0;
  full_ = text_.size() + space + bytes.size() > limit_ || (blank_before_ && blanks_ == Blanks::keep);
  if (full_) return;
  if (blank_before_) text_ += ' ';
  blank_before_ = false;
  add(bytes);
}

void StorableText::add(std::string_view bytes) {
  text_ += bytes;
  end_ = text_.size();
}

std::string storable(std::string_view text, std::size_t limit) {
  StorableText folded(StorableText::Blanks::fold, limit);
  folded.append(text);
  return folded.take();
}

std::optional<db::LocalTime> local_time(std::string text) {
  constexpr std::string_view form = "dddd-dd-dd dd:dd:dd";
  if (text.size() != form.size()) return std::nullopt;
  for (std::size_t index = 0; index < form.size(); ++index) {
    const bool digit = text[index] >= '0' && text[index] <= '9';
    if (form[index] == 'd' ? !digit : text[index] != form[index]) return std::nullopt;
  }
  const auto two_digits = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  const int year = two_digits(0) * 100 + two_digits(2);
  const std::chrono::year_month_day day(std::chrono::year(year),
                                        std::chrono::month(static_cast<unsigned>(two_digits(5))),
                                        std::chrono::day(static_cast<unsigned>(two_digits(8))));
  // PostgreSQL has no year 0.
  if (year == 0 || !day.ok() || two_digits(11) > 23 || two_digits(14) > 59 || two_digits(17) > 59) return std::nullopt;
  return db::LocalTime{std::move(text)};
}

namespace {

// "Z", or what is to be taken off: "+hh:mm", "-hhmm".
std::optional<std::chrono::seconds> offset_from_utc(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::seconds(0);
  std::string digits(text.substr(std::min<std::size_t>(1, text.size())));
  std::erase(digits, ':');
  const bool all_digits = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || (text[0] != '+' && text[0] != '-') || digits.size() != 4 || !all_digits) return std::nullopt;
  const std::chrono::minutes offset((digits[0] - '0') * 600 + (digits[1] - '0') * 60 + (digits[2] - '0') * 10 +
                                    digits[3] - '0');
  return text[0] == '+' ? offset : -offset;
}

std::optional<std::chrono::seconds> iso_time(std::string_view text) {
  constexpr std::size_t size = std::string_view("YYYY-MM-DDTHH:MM:SS").size();
  if (text.size() <= size || (text[10] != 'T' && text[10] != ' ')) return std::nullopt;
  std::string local(text.substr(0, size));
  local[10] = ' ';
  if (!local_time(local)) return std::nullopt;
  std::string_view rest = text.substr(size);
  if (rest[0] == '.') rest.remove_prefix(std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  const auto offset = offset_from_utc(rest);
  if (!offset) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    std::from_chars(local.data() + at, local.data() + at + digits, value);
    return value;
  };
  const std::chrono::sys_days day(std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2));
  return day.time_since_epoch() + std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) +
         std::chrono::seconds(number(17, 2)) - *offset;
}

}  // namespace

std::optional<db::Instant> instant(std::string_view text) {
  constexpr std::int64_t last = 253'402'300'799;
  const char* const end = text.data() + text.size();
  std::int64_t seconds = 0;
  const auto whole = std::from_chars(text.data(), end, seconds);
  if (whole.ec != std::errc{} || whole.ptr != end) {
    double number = 0;
    const auto fraction = std::from_chars(text.data(), end, number);
    if (fraction.ec == std::errc{} && fraction.ptr == end) {
      if (!(number >= 1 && number < static_cast<double>(last))) return std::nullopt;
      seconds = static_cast<std::int64_t>(number);
    } else {
      const auto iso = iso_time(text);
      if (!iso) return std::nullopt;
      seconds = iso->count();
    }
  }
  if (seconds < 1 || seconds > last) return std::nullopt;
  return db::Instant(std::chrono::seconds(seconds));
}

}  // namespace bounced::api
