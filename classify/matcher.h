// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "classify/codes.h"
#include "classify/phrase.h"
#include "classify/vocabulary.h"

namespace bounced::classify {

// Rows of words, as a tree that is walked down word by word.
class TermTree {
 public:
  // The node where the term ends.
  std::uint32_t add(const Term& term);
  [[nodiscard]] std::uint32_t child(std::uint32_t node, Symbol symbol) const {
    if (node == root) return symbol < from_root_.size() ? from_root_[symbol] : root;
    if (!has_children_[node]) return root;
    const auto found = children_.find(key(node, symbol));
    return found == children_.end() ? root : found->second;
  }
  [[nodiscard]] std::size_t size() const { return has_children_.size(); }

  static constexpr std::uint32_t root = 0;  // and where there is no child

 private:
  static std::uint64_t key(std::uint32_t node, Symbol symbol) { return std::uint64_t{node} << 32 | symbol; }

  std::vector<std::uint32_t> from_root_;
  std::vector<bool> has_children_ = {false};
  std::unordered_map<std::uint64_t, std::uint32_t> children_;
};

// Finds the first of many phrases that occurs in a text, in one pass over its words. An automaton of bytes (RE2::Set)
// was tried: phrases with gaps have so many combinations that it spent its time making states.
class Matcher {
 public:
  // In the order in which they count; their words are from the vocabulary, which is frozen.
  Matcher(const std::vector<Phrase>& phrases, const std::vector<Term>& ignored, Vocabulary vocabulary);

  struct Found {
    Codes codes;                        // of the text, completed by those of the status
    std::optional<std::size_t> phrase;  // its place in the order
  };
  [[nodiscard]] Found find(std::string_view status, std::string_view text) const;

 private:
  struct Scratch;
  class Walk;

  struct Before {
    std::uint32_t slot;
    bool gap;
  };
  struct SlotData {
    std::uint32_t phrase = 0;
    std::uint32_t first_before = 0;  // in befores_: after which slots it may stand
    std::uint32_t end_before = 0;
    bool begins = false;      // it may be the first one found of its phrase
    bool accepts = false;     // it may be the last one
    bool remembered = false;  // others may follow it
  };
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };

  void add_phrase(std::uint32_t index, const Phrase& phrase,
                  std::vector<std::pair<std::uint32_t, std::uint32_t>>& ends);
  void ignore(std::vector<Word>& words) const;
  [[nodiscard]] bool has_codes(std::size_t phrase, const Codes& codes) const;

  Vocabulary vocabulary_;
  TermTree terms_;
  TermTree ignored_;
  std::vector<bool> ignored_ends_;  // by node of ignored_
  std::vector<SlotData> slots_;
  std::vector<Before> befores_;
  std::vector<Range> slots_at_;  // by node of terms_, in by_node_
  std::vector<std::uint32_t> by_node_;
  std::vector<Codes> codes_;             // that phrases ask for
  std::vector<std::size_t> codes_only_;  // phrases that are nothing else
};

}  // namespace bounced::classify
