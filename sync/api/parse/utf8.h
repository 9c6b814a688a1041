// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace bounced::api {

inline constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// What stands at the beginning of some bytes.
struct Utf8Step {
  enum class State { good, bad, cut };  // cut: good so far, but the bytes end within the character
  State state;
  std::size_t length;  // of the character, of the bytes that cannot be one, or of what is there of it
  char32_t code = 0;   // if good
};

// Reads one character. Bytes that cannot be one are taken as the Unicode standard advises (3.9, "maximal subparts"), so
// that how the bytes are cut into pieces does not show in the result.
inline Utf8Step read_utf8(std::string_view bytes) {
  using enum Utf8Step::State;
  const auto at = [&](std::size_t index) { return static_cast<unsigned char>(bytes[index]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {good, 1, lead};
  if (lead < 0xC2 || lead > 0xF4) return {bad, 1};

  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t index = 1; index < length; ++index) {
    if (index == bytes.size()) return {cut, index};
    if (at(index) < low || at(index) > high) return {bad, index};
    code = code << 6 | (at(index) & 0x3FU);
    low = 0x80;
    high = 0xBF;
  }
  return {good, length, code};
}

// Unicode's White_Space, and the control characters below it.
constexpr bool is_blank(char32_t code) {
  return code <= 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
         code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

// The same for a byte, which is all that most text needs: ASCII and neither blank nor control.
constexpr bool is_plain(char byte) {
  return static_cast<unsigned char>(byte) > 0x20 && static_cast<unsigned char>(byte) < 0x80;
}

// Valid UTF-8 that XML does not allow.
constexpr bool is_noncharacter(char32_t code) {
  return code == 0xFFFE || code == 0xFFFF;
}

// What a terminal obeys or does not show: control characters, ends of lines, what turns the direction of text (bidi),
// what has no width, and tags. Such text may look like another one, or be run.
constexpr bool is_hidden(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0xAD || code == 0x34F || code == 0x61C ||
         code == 0x115F || code == 0x1160 || code == 0x180E || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) || code == 0x3164 || code == 0xFEFF ||
         code == 0xFFA0 || (code >= 0xFFF9 && code <= 0xFFFB) || (code >= 0xE0000 && code <= 0xE0FFF);
}

}  // namespace bounced::api
