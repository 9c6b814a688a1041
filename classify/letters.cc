// SPDX-License-Identifier: Apache-2.0
#include "classify/letters.h"

namespace bounced::classify {
namespace {

// U+00C0 to U+017F without their accents. The blanks are × and ÷; what stands for two letters follows below.
constexpr std::string_view plain_latin =
    "aaaaaaaceeeeiiiidnooooo ouuuuyts"
    "aaaaaaaceeeeiiiidnooooo ouuuuyty"
    "aaaaaaccccccccddddeeeeeeeeeegggg"
    "gggghhhhiiiiiiiiiiiijjkkklllllll"
    "lllnnnnnnnnnoooooooorrrrrrssssss"
    "ssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
static_assert(plain_latin.size() == 0x180 - 0xC0);

constexpr Folded plain(char first, char second = '\0') {
  return {Folded::Kind::letters, {first, second}, 0};
}

constexpr Folded of_kind(Folded::Kind kind) {
  return {kind, {}, 0};
}

// U+0100 to U+017F and the letters above it, as far as mail servers write in them: Greek and Cyrillic.
constexpr char32_t lower_case(char32_t code) {
  if (code >= 0x410 && code <= 0x42F) return code + 0x20;
  if (code == 0x401 || code == 0x451) return 0x435;  // ё is often written е
  if (code >= 0x400 && code <= 0x40F) return code + 0x50;
  if (code >= 0x391 && code <= 0x3A9) return code + 0x20;
  return code;
}

Folded fold_latin(char32_t code) {
  switch (code) {
    case 0xC6:
    case 0xE6:
      return plain('a', 'e');
    case 0xDE:
    case 0xFE:
      return plain('t', 'h');
    case 0xDF:
      return plain('s', 's');
    case 0x152:
    case 0x153:
      return plain('o', 'e');
    default: {
      const char letter = plain_latin[code - 0xC0];
      return letter == ' ' ? of_kind(Folded::Kind::separator) : plain(letter);
    }
  }
}

}  // namespace

Folded fold_letter(char32_t code) {
  using enum Folded::Kind;
  if (code >= 0xC0 && code < 0x180) return fold_latin(code);
  if (code < 0xC0) return of_kind(code == 0xAD || code == 0xB4 ? nothing : separator);
  if (code >= 0x300 && code < 0x370) return of_kind(nothing);
  if (code < 0x2000) return {letters, {}, lower_case(code)};
  if (code < 0x2E80) {
    const bool no_width = (code >= 0x200B && code <= 0x200F) || (code >= 0x2060 && code <= 0x2064);
    const bool apostrophe = code == 0x2018 || code == 0x2019;
    return of_kind(no_width || apostrophe ? nothing : separator);
  }
  if (code == 0x3001 || code == 0x3002) return of_kind(stop);
  if (code >= 0xFF01 && code <= 0xFF5E) {  // wide forms of ASCII
    const auto ascii = static_cast<char>(code - 0xFEE0);
    if (ascii >= 'A' && ascii <= 'Z') return plain(static_cast<char>(ascii - 'A' + 'a'));
    if ((ascii >= 'a' && ascii <= 'z') || (ascii >= '0' && ascii <= '9')) return plain(ascii);
    return of_kind(separator);
  }
  if (code == 0xFEFF) return of_kind(nothing);
  if (code == 0xFFFD) return plain('?');  // a lost letter: `word*` still finds the word
  const bool symbol = (code >= 0x3000 && code <= 0x303F && code != 0x3005) || (code >= 0xFE00 && code <= 0xFFEF) ||
                      (code >= 0x1F000 && code <= 0x1FAFF);
  if (symbol) return of_kind(separator);
  return {word, {}, code};
}

}  // namespace bounced::classify
