// SPDX-License-Identifier: Apache-2.0
#include "classify/decode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "classify/letters.h"

namespace bounced::classify {
namespace {

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void append_base64(std::string& result, std::string_view text) {
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) continue;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFF;
    count += 6;
    if (count >= 8) {
      count -= 8;
      result += static_cast<char>(bits >> count & 0xFF);
    }
  }
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void append_quoted(std::string& result, std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '=' && at + 2 < text.size() && hex_value(text[at + 1]) >= 0 && hex_value(text[at + 2]) >= 0) {
      result += static_cast<char>(hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]));
      at += 2;
    } else {
      result += text[at] == '_' ? ' ' : text[at];
    }
  }
}

struct EncodedWord {
  char encoding;
  std::string_view text;
  std::size_t length;  // of the whole
};

// "=?charset?B?text?=" at the beginning.
std::optional<EncodedWord> encoded_word(std::string_view text) {
  if (!text.starts_with("=?")) return std::nullopt;
  const std::size_t encoding = text.find('?', 2);
  if (encoding == std::string_view::npos || encoding + 3 >= text.size() || text[encoding + 2] != '?')
    return std::nullopt;
  const char kind = static_cast<char>(text[encoding + 1] | 0x20);
  const std::size_t end = text.find("?=", encoding + 3);
  if ((kind != 'b' && kind != 'q') || end == std::string_view::npos) return std::nullopt;
  return EncodedWord{kind, text.substr(encoding + 3, end - encoding - 3), end + 2};
}

std::string decode_words(std::string_view text) {
  std::string result;
  bool after_word = false;
  while (!text.empty()) {
    if (const auto word = encoded_word(text)) {
      word->encoding == 'b' ? append_base64(result, word->text) : append_quoted(result, word->text);
      text.remove_prefix(word->length);
      after_word = true;
      continue;
    }
    // Blanks between two of them do not count.
    const std::size_t blanks = std::min(text.find_first_not_of(" \t\r\n"), text.size());
    if (after_word && blanks > 0 && encoded_word(text.substr(blanks))) {
      text.remove_prefix(blanks);
      continue;
    }
    after_word = false;
    result += text.front();
    text.remove_prefix(1);
  }
  return result;
}

// The escape sequences of ISO-2022-JP, whose first byte may have got lost as a control character.
constexpr std::string_view japanese_begins[] = {"$B", "$@"};
constexpr std::string_view japanese_ends[] = {"(B", "(J"};

bool begins_with_one_of(std::string_view text, const std::string_view (&sequences)[2]) {
  return text.starts_with(sequences[0]) || text.starts_with(sequences[1]);
}

// Rows 4 and 5 of JIS X 0208 are hiragana and katakana, in the order of Unicode.
char32_t japanese(char row, char cell) {
  const char32_t number = static_cast<char32_t>(cell) - 0x20;
  if (row == 0x24) return 0x3040 + number;
  if (row == 0x25) return 0x30A0 + number;
  if (row == 0x21 && cell == 0x3C) return 0x30FC;  // ー
  if (row == 0x21 && cell == 0x23) return 0x3002;  // 。
  return ' ';
}

// Pairs of bytes up to the sequence that ends them. Nothing where it is missing: then it was no Japanese.
std::optional<std::size_t> japanese_length(std::string_view text) {
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    const std::size_t escape = text[at] == '\x1B' ? 1 : 0;
    if (begins_with_one_of(text.substr(at + escape), japanese_ends)) return at;
    const auto printable = [](char byte) { return byte > ' ' && byte < '\x7F'; };
    if (!printable(text[at]) || !printable(text[at + 1])) return std::nullopt;
  }
  return std::nullopt;
}

std::string decode_japanese(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t escape = text.front() == '\x1B' ? 1 : 0;
    if (begins_with_one_of(text.substr(escape), japanese_begins)) {
      const std::string_view pairs = text.substr(escape + 2);
      if (const auto length = japanese_length(pairs)) {
        for (std::size_t at = 0; at < *length; at += 2) append_utf8(result, japanese(pairs[at], pairs[at + 1]));
        text = pairs.substr(*length);
        text.remove_prefix(text.front() == '\x1B' ? 3 : 2);
        continue;
      }
    }
    result += text.front();
    text.remove_prefix(1);
  }
  return result;
}

}  // namespace

std::string_view decode(std::string_view text, std::string& buffer) {
  const bool words = text.find("=?") != std::string_view::npos;
  if (words) text = buffer = decode_words(text);
  if (text.find("$B") != std::string_view::npos || text.find("$@") != std::string_view::npos) {
    text = buffer = decode_japanese(text);
  }
  return text;
}

}  // namespace bounced::classify
