// SPDX-License-Identifier: Apache-2.0
#include "classify/codes.h"

#include <stdexcept>
#include <string>

#include "classify/letters.h"
#include "config/text.h"

namespace bounced::classify {
namespace {

constexpr int least_reply = 400;
constexpr int largest_reply = 599;
constexpr int largest_subject = 7;  // RFC 3463 and the IANA registry
constexpr int largest_detail = 999;

bool digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && is_digit(text[at]);
}

// What ends a code: nothing of a word, and no dot that a digit follows.
bool ends_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return true;
  const char next = text[at];
  if (next == '.') return !digit_at(text, at + 1);
  const bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9');
  return !letter && next != '_' && static_cast<unsigned char>(next) < 0x80;
}

// Up to three digits, and moves behind them; -1 where there are none or more.
int read_number(std::string_view text, std::size_t& at) {
  int number = 0;
  const std::size_t begin = at;
  while (digit_at(text, at) && at - begin < 4) number = number * 10 + (text[at++] - '0');
  return at == begin || at - begin > 3 ? -1 : number;
}

}  // namespace

std::optional<FoundCode> read_code(std::string_view text) {
  if (!digit_at(text, 0)) return std::nullopt;
  std::size_t at = 0;
  const int number = read_number(text, at);
  if (number >= least_reply && number <= largest_reply && ends_at(text, at)) return FoundCode{number, {}, at};
  if ((number != 2 && number != 4 && number != 5) || at >= text.size() || text[at] != '.') return std::nullopt;
  const int subject = read_number(text, ++at);
  if (subject < 0 || subject > largest_subject || at >= text.size() || text[at] != '.') return std::nullopt;
  const int detail = read_number(text, ++at);
  if (detail < 0 || !ends_at(text, at)) return std::nullopt;
  return FoundCode{0, {number, subject, detail}, at};
}

Codes read_status(std::string_view status) {
  Codes codes;
  const std::size_t begin = status.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return codes;
  const auto found = read_code(status.substr(begin));
  if (!found) return codes;
  if (found->reply != 0) codes.add(found->reply);
  codes.add(found->enhanced);
  return codes;
}

CodePattern parse_code_pattern(std::string_view text) {
  const auto fail = [&] {
    throw std::invalid_argument(
        "is " + config::in_quotes(text) +
        "; write an enhanced code as 5.7.1, x.7.1 (4 or 5), 5.7.10-19 or 5.7.*, or a reply code "
        "as 550 or 550-554");
  };
  CodePattern pattern;
  std::size_t at = 0;
  if (text.size() > 1 && text[1] == '.') {
    if (text[0] != 'x' && text[0] != '4' && text[0] != '5') fail();
    pattern.kind = text[0] == 'x' ? 0 : text[0] - '0';
    at = 2;
    pattern.subject = read_number(text, at);
    if (pattern.subject < 0 || pattern.subject > largest_subject || at >= text.size() || text[at++] != '.') fail();
    if (text.substr(at) == "*") {
      pattern.last = largest_detail;
      return pattern;
    }
  }
  pattern.first = pattern.last = read_number(text, at);
  if (at < text.size() && text[at] == '-') pattern.last = read_number(text, ++at);
  const bool is_reply = pattern.subject < 0;
  const int least = is_reply ? least_reply : 0;
  const int largest = is_reply ? largest_reply : largest_detail;
  if (at != text.size() || pattern.first < least || pattern.last > largest || pattern.first > pattern.last) fail();
  return pattern;
}

}  // namespace bounced::classify
