// SPDX-License-Identifier: Apache-2.0
#include "sync/api/address.h"

#include "sync/api/parse/utf8.h"

namespace bounced::api {
namespace {

// Nothing that bounced.deletion_queue refuses, and less.
constexpr std::size_t longest = 1000;

constexpr bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F);
}

}  // namespace

std::variant<Address, std::string> Address::parse(std::string_view text) {
  std::size_t begin = text.size();  // of what is not blank
  std::size_t end = 0;
  bool shows = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Step step = read_utf8(text.substr(at));
    if (step.state != Utf8Step::State::good) return "is not valid UTF-8";
    if (is_control(step.code)) return "has control characters";
    if (!is_blank(step.code)) {
      if (begin > at) begin = at;
      end = at + step.length;
      shows = shows || !is_hidden(step.code);  // what shows nothing, a server may strip
    }
    at += step.length;
  }
  if (!shows) return "is blank";
  const std::string_view trimmed = text.substr(begin, end - begin);
  if (trimmed.size() > longest) return "is longer than 1000 bytes";
  return Address(trimmed);
}

}  // namespace bounced::api
