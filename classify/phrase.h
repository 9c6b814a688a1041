// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "classify/codes.h"
#include "classify/vocabulary.h"

namespace bounced::classify {

// Words that follow each other.
using Term = std::vector<Symbol>;

// One of several terms.
struct Slot {
  std::vector<Term> terms;
  bool optional = false;   // or none of them
  bool after_gap = false;  // any words of the same sentence may stand before it
};

// docs/why.md describes how phrases are written.
struct Phrase {
  Codes codes;  // which the text must have, too
  std::vector<Slot> slots;
};

// The named lists of a file, as they stand there: "user|users|mail box".
using Lists = std::map<std::string, std::string, std::less<>>;

// Adds the phrase's words to the vocabulary. Throws std::invalid_argument, which says what is wrong and what would be
// right.
Phrase parse_phrase(std::string_view text, const Lists& lists, Vocabulary& vocabulary);

}  // namespace bounced::classify
