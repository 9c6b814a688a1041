// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace bounced::classify {

// What a piece of a reason between blanks, brackets and quotes is.
enum class AtomKind : std::uint8_t { words, address, host, ip, url, id, number, time };

// The piece has no blanks and no punctuation at its ends.
AtomKind kind_of_atom(std::string_view atom);

// "<address>"; empty for words.
std::string_view placeholder(AtomKind kind);

// The placeholder that the text begins with, or nothing.
std::string_view leading_placeholder(std::string_view text);

}  // namespace bounced::classify
