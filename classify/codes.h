// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace bounced::classify {

// A status code of RFC 3463, as 5.1.1. All zero: none.
struct Enhanced {
  int kind = 0;  // 2, 4 or 5
  int subject = 0;
  int detail = 0;

  [[nodiscard]] bool given() const { return kind != 0; }
  // X.0.0, which says nothing.
  [[nodiscard]] bool empty() const { return subject == 0 && detail == 0; }
  bool operator==(const Enhanced&) const = default;
};

// What a bounce has of codes: the first reply code, and the most precise enhanced code.
struct Codes {
  int reply = 0;  // 0: none
  Enhanced enhanced;

  void add(int another_reply) {
    if (reply == 0) reply = another_reply;
  }
  // X.Y.0 is "other or undefined". Gateways write it in front of the reply that they got, which knows more.
  void add(const Enhanced& another) {
    if (another.kind < 4 || another.empty()) return;
    if (!enhanced.given() || (enhanced.detail == 0 && another.detail != 0)) enhanced = another;
  }
};

// A code that the text begins with; `length` is how much of the text it takes.
struct FoundCode {
  int reply = 0;
  Enhanced enhanced;
  std::size_t length = 0;
};
// Three digits from 400 to 599, or an enhanced code. Not a part of a longer number, an IP address or a version.
std::optional<FoundCode> read_code(std::string_view text);

// The status as the API has it: an enhanced code that says something, or a reply code.
Codes read_status(std::string_view status);

// Codes that decide: "5.1.1", "x.1.0-6", "4.7.*", "550", "500-504".
struct CodePattern {
  int kind = 0;      // 4 or 5; 0: both
  int subject = -1;  // -1: reply codes
  int first = 0;
  int last = 0;

  [[nodiscard]] bool holds(const Enhanced& code) const {
    return subject == code.subject && first <= code.detail && code.detail <= last && (kind == 0 || kind == code.kind);
  }
  [[nodiscard]] bool holds(int reply) const { return subject < 0 && first <= reply && reply <= last; }
};
// Throws std::invalid_argument, which says what is wrong and what would be right.
CodePattern parse_code_pattern(std::string_view text);

}  // namespace bounced::classify
