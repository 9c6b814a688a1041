// SPDX-License-Identifier: Apache-2.0
#include "classify/reading.h"

namespace bounced::classify {

char32_t read_twice_encoded(std::string_view text, const Letter& lead, std::size_t& length) {
  const std::size_t wanted = lead.code < 0xE0 ? 2 : lead.code < 0xF0 ? 3 : 4;
  std::string bytes(1, static_cast<char>(lead.code));
  std::size_t taken = lead.length;
  while (bytes.size() < wanted && taken < text.size()) {
    const Letter next = read_letter(text.substr(taken));
    if (!next.valid || next.code < 0x80 || next.code > 0xBF) return 0;
    bytes += static_cast<char>(next.code);
    taken += next.length;
  }
  const Letter meant = read_letter(bytes);
  if (!meant.valid || meant.length != wanted) return 0;
  length = taken;
  return meant.code;
}

}  // namespace bounced::classify
