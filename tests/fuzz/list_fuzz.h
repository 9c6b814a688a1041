// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <tuple>
#include <vector>

#include "sync/api/parse/list_parser.h"

namespace bounced::fuzz {

struct Parsed {
  bool whole = false;
  std::vector<db::ListedBounce> bounces;
  bool is_list = false;
  std::uint64_t without_email = 0;
  std::uint64_t too_long = 0;

  bool operator==(const Parsed&) const = default;
};

inline Parsed parse(std::unique_ptr<api::ListParser> parser, std::string_view document, std::size_t piece) {
  Parsed parsed;
  bool good = true;
  while (good && !document.empty()) {
    const std::string_view part = document.substr(0, piece);
    document.remove_prefix(part.size());
    // A copy of just that size, so that the address sanitizer sees a read beyond it.
    const std::vector<char> copy(part.begin(), part.end());
    good = parser->write({copy.data(), copy.size()}, parsed.bounces);
  }
  parsed.whole = good && parser->finish(parsed.bounces);
  parsed.is_list = parser->is_list();
  parsed.without_email = parser->counts().without_email;
  parsed.too_long = parser->counts().too_long;
  return parsed;
}

inline void require(bool so, const char* what) {
  if (so) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Whatever the bytes are: how they are cut into pieces does not show, and what comes out is storable.
inline void check_list(std::unique_ptr<api::ListParser> (*make)(), std::string_view document) {
  const Parsed whole = parse(make(), document, document.size());
  for (const std::size_t piece : std::initializer_list<std::size_t>{1, 3, 7}) {
    require(parse(make(), document, piece) == whole, "cut into pieces it is another list");
  }
  for (const db::ListedBounce& bounce : whole.bounces) {
    require(!bounce.email.empty() && bounce.email.size() <= 1000, "an email that cannot be");
    for (const std::string_view text : {std::string_view(bounce.status), std::string_view(bounce.reason)}) {
      require(text.size() <= 16 * 1024, "a long text");
      require(api::storable(text, text.size()) == text, "a text that is not storable");
    }
    require(bounce.email.find('\0') == bounce.email.npos, "an email with NUL");
  }
}

}  // namespace bounced::fuzz
