// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bounced::classify {

constexpr bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

struct Letter {
  char32_t code = 0;
  std::size_t length = 1;  // in bytes
  bool valid = true;       // false: a byte that is not UTF-8, taken as ISO-8859-1
};

// The character at the beginning of the bytes, of which there is one at least. Never fails: what is not UTF-8 is read
// as ISO-8859-1, which is what most old servers write.
inline Letter read_letter(std::string_view bytes) {
  const auto at = [&](std::size_t index) { return static_cast<unsigned char>(bytes[index]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < length) return {lead, 1, false};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t index = 1; index < length; ++index) {
    if ((at(index) & 0xC0U) != 0x80) return {lead, 1, false};
    code = code << 6 | (at(index) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return {lead, 1, false};
  return {code, length, true};
}

inline void append_utf8(std::string& text, char32_t code) {
  const auto byte = [&](char32_t value) { text += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

// What a character beyond ASCII is to the rules.
struct Folded {
  enum class Kind {
    nothing,    // accents, apostrophes, what has no width
    letters,    // part of a word: ASCII letters, or the code in lower case
    word,       // a word by itself, as in Chinese and Japanese
    separator,  // blanks, punctuation, symbols
    stop,       // the end of a sentence
  };
  Kind kind = Kind::separator;
  char ascii[2] = {};  // of letters: "ä" is "a", "ß" is "ss"
  char32_t code = 0;   // of letters where `ascii` is empty, and of words
};

Folded fold_letter(char32_t code);

}  // namespace bounced::classify
