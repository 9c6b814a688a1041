// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bounced::classify {

using Symbol = std::uint32_t;

inline constexpr Symbol unknown_word = 0;
inline constexpr Symbol end_of_sentence = 1;
inline constexpr Symbol email_address = 2;

// A word of a text, as far as the rules know it. It may be a word of theirs, begin with a `word*`, or both.
struct Word {
  Symbol exact = unknown_word;
  Symbol prefix = unknown_word;  // the longest one; the vocabulary knows the shorter ones
};

// FNV-1a, a byte at a time. Words are told apart by their 64 bits alone.
struct WordHash {
  std::uint64_t value = 0xCBF29CE484222325;

  void add(char byte) { value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001B3; }
};

// The words of all phrases, as numbers.
class Vocabulary {
 public:
  Symbol add(std::string_view word);
  Symbol add_prefix(std::string_view prefix);
  // After the last word: find() is ready.
  void freeze();

  [[nodiscard]] Symbol find(const WordHash& word) const { return words_.find(word.value); }
  // A prefix of exactly these bytes. Called for every letter of a text, and mostly finds none.
  [[nodiscard]] Symbol find_prefix(const WordHash& begin) const {
    const std::uint64_t bit = begin.value >> 52;
    return (filter_[bit / 64] >> (bit % 64) & 1) == 0 ? unknown_word : prefixes_.find(begin.value);
  }
  // The next shorter prefix of the same words.
  [[nodiscard]] Symbol shorter(Symbol prefix) const { return shorter_[prefix]; }
  [[nodiscard]] Symbol size() const { return next_; }

 private:
  class Table {
   public:
    Symbol find(std::uint64_t hash) const {
      if (entries_.empty()) return unknown_word;
      for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
        if (entries_[at].symbol == unknown_word) return unknown_word;
        if (entries_[at].hash == hash) return entries_[at].symbol;
      }
    }
    void add(std::uint64_t hash, Symbol symbol);

   private:
    struct Entry {
      std::uint64_t hash = 0;
      Symbol symbol = unknown_word;
    };
    std::vector<Entry> entries_;
    std::size_t mask_ = 0;
    std::size_t used_ = 0;
  };
  Symbol next_ = email_address + 1;
  Table words_;
  Table prefixes_;
  std::array<std::uint64_t, 64> filter_{};
  std::vector<std::pair<std::string, Symbol>> prefix_texts_;
  std::vector<Symbol> shorter_;
};

}  // namespace bounced::classify
