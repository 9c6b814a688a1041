// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/presentable.h"

#include <algorithm>

#include "sync/api/parse/lower.h"
#include "sync/api/parse/storable.h"
#include "sync/api/parse/utf8.h"

namespace bounced::api {
namespace {

// How many bytes of text, at its beginning, are this byte of the secret: as it is, as %XX, as + for a space.
std::size_t match_byte(std::string_view text, char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  if (text.empty()) return 0;
  if (text.size() < 3 && text.front() == '%') return text.size();  // cut within it
  const auto value = static_cast<unsigned char>(byte);
  if (text.size() >= 3 && text[0] == '%' && lower(text[1]) == digits[value >> 4] &&
      lower(text[2]) == digits[value & 15]) {
    return 3;
  }
  return text.front() == byte || (byte == ' ' && text.front() == '+') ? 1 : 0;
}

// How many bytes of text, at its beginning, are the secret, or as much of it as there was room for.
std::size_t match_secret(std::string_view text, std::string_view secret) {
  constexpr std::size_t telling = 4;  // fewer bytes of it at the end tell nothing, and are often chance
  std::size_t length = 0;
  for (std::size_t index = 0; index < secret.size(); ++index) {
    const std::size_t matched = match_byte(text.substr(length), secret[index]);
    if (matched == 0) return length == text.size() && index >= telling ? length : 0;
    length += matched;
  }
  return length;
}

std::string mask(std::string_view text, std::string_view secret) {
  std::string masked;
  while (!text.empty()) {
    const std::size_t length = match_secret(text, secret);
    masked += length > 0 ? std::string_view("***") : text.substr(0, 1);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return masked;
}

// Also without the control characters that stay when blanks are folded: DEL, and C1, which is 0xC2 and another byte.
std::string clean(std::string_view text) {
  std::string folded = storable(text, text.size() * replacement.size());
  for (std::size_t index = 0; index < folded.size(); ++index) {
    const bool c1 = folded[index] == '\xC2' && static_cast<unsigned char>(folded[index + 1]) < 0xA0;
    if (c1) folded[index + 1] = ' ';
    if (c1 || folded[index] == '\x7F') folded[index] = ' ';
  }
  return folded;
}

}  // namespace

std::string presentable(std::string_view text, std::string_view secret) {
  constexpr std::size_t limit = 500;
  // Masked before, since a secret may have blanks in it that are folded; and after, since what is dropped may have
  // stood within it.
  return storable(mask(clean(mask(text, secret)), secret), limit);
}

}  // namespace bounced::api
