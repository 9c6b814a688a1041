// SPDX-License-Identifier: Apache-2.0
#include "daemon/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "sync/api/parse/utf8.h"

namespace bounced::daemon {
namespace {

// Of valid UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

// So many characters of valid UTF-8.
std::string beginning(std::string_view text, std::size_t characters) {
  std::size_t end = 0;
  for (; characters > 0 && end < text.size(); --characters) {
    do ++end;
    while (end < text.size() && (text[end] & 0xC0) == 0x80);
  }
  return std::string(text.substr(0, end));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const api::Utf8Step step = api::read_utf8(text);
    if (step.state != api::Utf8Step::State::good || api::is_hidden(step.code))
      clean += '?';
    else
      clean += text.substr(0, step.length);
    text.remove_prefix(step.length);
  }
  return clean;
}

std::string escaped_json(std::string_view json) {
  std::string escaped;
  escaped.reserve(json.size());
  while (!json.empty()) {
    const api::Utf8Step step = api::read_utf8(json);
    if (step.state != api::Utf8Step::State::good) {
      escaped += "\\ufffd";
    } else if (!api::is_hidden(step.code)) {
      escaped += json.substr(0, step.length);
    } else if (step.code < 0x10000) {
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned>(step.code));
    } else {
      const auto above = static_cast<unsigned>(step.code) - 0x10000;
      escaped += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (above >> 10), 0xDC00 + (above & 0x3FF));
    }
    json.remove_prefix(step.length);
  }
  return escaped;
}

std::string as_value(std::string_view text) {
  std::string value = printable(text);
  if (!value.empty() && value.find_first_of(" \"=") == value.npos) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string age(double seconds) {
  constexpr double minute = 60, hour = 60 * minute, day = 24 * hour;
  const double s = std::max(seconds, 0.0);
  if (s >= 2 * day) return fmt::format("{:.0f}d", s / day);
  if (s >= 2 * hour) return fmt::format("{:.0f}h", s / hour);
  if (s >= 2 * minute) return fmt::format("{:.0f}m", s / minute);
  return fmt::format("{:.0f}s", s);
}

std::string local_time(std::int64_t time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<std::time_t>(time)));
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s");
}

std::string shortened(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  return beginning(text, width - 1) + "…";
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::string lines;
  std::string rest = printable(text);
  while (!rest.empty()) {
    std::string line = beginning(rest, width - indent);
    if (line.size() < rest.size() && rest[line.size()] != ' ') {
      // A blank in the second half is near enough to the end.
      if (const auto blank = line.rfind(' '); blank != line.npos && blank > line.size() / 2) line.resize(blank);
    }
    rest.erase(0, line.size());
    rest.erase(0, rest.find_first_not_of(' '));
    lines += std::string(indent, ' ') + line + '\n';
  }
  return lines;
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  constexpr std::size_t gap = 2;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      line += row[i] + std::string(widths[i] + gap - width_of(row[i]), ' ');
    }
    const std::size_t used = width_of(line);
    line += shortened(row.back(), width > used + 10 ? width - used : 10);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace bounced::daemon
