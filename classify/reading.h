// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "classify/codes.h"
#include "classify/letters.h"

namespace bounced::classify {

// Reasons are short. Of a long one, such as a whole conversation, the beginning says why.
inline constexpr std::size_t most_bytes_read = 4000;

// Takes a text apart into words, as the rules see them: in lower case, without accents, apostrophes and punctuation; an
// email address is one thing, whatever it is; codes are no words. Phrases are read in the same way, so that a phrase
// may be copied from a text.
//
// The sink gets the bytes of words and what stands between them:
//   letter(char), end_word(), end_token(), stop(), code(FoundCode), and address(): the token's words were part of one
template <typename Sink>
class WordReader {
 public:
  explicit WordReader(Sink& sink) : sink_(sink) {}

  void read(std::string_view text);

 private:
  void ascii(std::string_view text, std::size_t& pos);
  void beyond_ascii(std::string_view text, std::size_t& pos);
  bool code(std::string_view text, std::size_t& pos);
  void letter(char byte) {
    word_is_e_ = word_length_ == 0 && byte == 'e';
    ++word_length_;
    sink_.letter(byte);
  }
  void end_word() {
    if (word_length_ > 0) sink_.end_word();
    word_length_ = 0;
    word_is_e_ = false;
  }
  void end_token() {
    end_word();
    sink_.end_token();
    in_address_ = false;
    begun_ = false;
  }

  Sink& sink_;
  std::size_t word_length_ = 0;
  bool word_is_e_ = false;  // the hyphen of e-mail does not part it
  bool begun_ = false;      // the token has a letter or digit
  bool in_address_ = false;
};

enum class AsciiKind : std::uint8_t { other, letter, digit, delimiter, apostrophe, hyphen, stop, at };

inline constexpr std::array<AsciiKind, 128> ascii_kinds = [] {
  std::array<AsciiKind, 128> kinds{};
  for (std::size_t c = 0; c <= ' '; ++c) kinds[c] = AsciiKind::delimiter;
  for (const char c : std::string_view("<>()[]\",;:|\x7F")) kinds[static_cast<unsigned char>(c)] = AsciiKind::delimiter;
  for (const char c : std::string_view("'`")) kinds[static_cast<unsigned char>(c)] = AsciiKind::apostrophe;
  for (const char c : std::string_view(".!?")) kinds[static_cast<unsigned char>(c)] = AsciiKind::stop;
  for (std::size_t c = 'a'; c <= 'z'; ++c) kinds[c] = kinds[c - 'a' + 'A'] = AsciiKind::letter;
  for (std::size_t c = '0'; c <= '9'; ++c) kinds[c] = AsciiKind::digit;
  kinds['-'] = AsciiKind::hyphen;
  kinds['@'] = AsciiKind::at;
  return kinds;
}();

template <typename Sink>
void WordReader<Sink>::read(std::string_view text) {
  std::size_t pos = 0;
  while (pos < text.size()) {
    if (static_cast<unsigned char>(text[pos]) < 0x80) {
      ascii(text, pos);
    } else {
      beyond_ascii(text, pos);
    }
  }
  end_token();
}

template <typename Sink>
void WordReader<Sink>::ascii(std::string_view text, std::size_t& pos) {
  const char byte = text[pos];
  const AsciiKind kind = ascii_kinds[static_cast<unsigned char>(byte)];
  switch (kind) {
    case AsciiKind::digit:
      if (!begun_ && code(text, pos)) return;
      [[fallthrough]];
    case AsciiKind::letter:
      begun_ = true;
      // The bit of 0x20 makes letters small, and digits have it.
      if (!in_address_) letter(static_cast<char>(byte | 0x20));
      break;
    case AsciiKind::apostrophe:
      break;
    case AsciiKind::hyphen:
      if (!word_is_e_) end_word();
      break;
    case AsciiKind::delimiter:
      end_token();
      break;
    case AsciiKind::stop: {
      end_word();
      const bool after_dot = pos > 0 && text[pos - 1] == '.';
      const bool last =
          pos + 1 == text.size() || (static_cast<unsigned char>(text[pos + 1]) < 0x80 &&
                                     ascii_kinds[static_cast<unsigned char>(text[pos + 1])] == AsciiKind::delimiter);
      if (last && !after_dot) {
        end_token();
        sink_.stop();
      }
      break;
    }
    case AsciiKind::at:
      end_word();
      if (!in_address_) sink_.address();
      in_address_ = true;
      break;
    case AsciiKind::other:
      end_word();
      break;
  }
  ++pos;
}

template <typename Sink>
bool WordReader<Sink>::code(std::string_view text, std::size_t& pos) {
  const auto found = read_code(text.substr(pos));
  if (!found) return false;
  sink_.code(*found);
  pos += found->length;
  return true;
}

// Where UTF-8 was taken for ISO-8859-1 and made UTF-8 again, the character that was meant, as in "refusÃ©"; else
// nothing. `length` is set to the bytes that it takes.
char32_t read_twice_encoded(std::string_view text, const Letter& lead, std::size_t& length);

template <typename Sink>
void WordReader<Sink>::beyond_ascii(std::string_view text, std::size_t& pos) {
  Letter read = read_letter(text.substr(pos));
  if (read.code >= 0xC2 && read.code <= 0xF4) {
    if (const char32_t meant = read_twice_encoded(text.substr(pos), read, read.length); meant != 0) read.code = meant;
  }
  pos += read.length;
  begun_ = true;
  if (in_address_) return;
  const Folded folded = fold_letter(read.code);
  switch (folded.kind) {
    case Folded::Kind::nothing:
      break;
    case Folded::Kind::separator:
      // A blank that is not ASCII's parts tokens, too: a code may follow.
      end_token();
      break;
    case Folded::Kind::stop:
      end_token();
      sink_.stop();
      break;
    case Folded::Kind::letters:
      if (folded.ascii[0] != '\0') {
        letter(folded.ascii[0]);
        if (folded.ascii[1] != '\0') letter(folded.ascii[1]);
        break;
      }
      [[fallthrough]];
    case Folded::Kind::word: {
      if (folded.kind == Folded::Kind::word) end_word();
      std::string bytes;
      append_utf8(bytes, folded.code);
      for (const char byte : bytes) letter(byte);
      if (folded.kind == Folded::Kind::word) end_word();
      break;
    }
  }
}

}  // namespace bounced::classify
