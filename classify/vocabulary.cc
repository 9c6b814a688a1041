// SPDX-License-Identifier: Apache-2.0
#include "classify/vocabulary.h"

#include <utility>

namespace bounced::classify {
namespace {

WordHash hash_of(std::string_view word) {
  WordHash hash;
  for (const char byte : word) hash.add(byte);
  return hash;
}

}  // namespace

void Vocabulary::Table::add(std::uint64_t hash, Symbol symbol) {
  if (2 * (used_ + 1) > entries_.size()) {
    const std::vector<Entry> old =
        std::exchange(entries_, std::vector<Entry>(entries_.empty() ? 64 : 2 * entries_.size()));
    mask_ = entries_.size() - 1;
    used_ = 0;
    for (const Entry& entry : old) {
      if (entry.symbol != unknown_word) add(entry.hash, entry.symbol);
    }
  }
  std::size_t at = hash & mask_;
  while (entries_[at].symbol != unknown_word) at = (at + 1) & mask_;
  entries_[at] = {hash, symbol};
  ++used_;
}

Symbol Vocabulary::add(std::string_view word) {
  const std::uint64_t hash = hash_of(word).value;
  if (const Symbol known = words_.find(hash); known != unknown_word) return known;
  words_.add(hash, next_);
  return next_++;
}

Symbol Vocabulary::add_prefix(std::string_view prefix) {
  const std::uint64_t hash = hash_of(prefix).value;
  if (const Symbol known = prefixes_.find(hash); known != unknown_word) return known;
  prefixes_.add(hash, next_);
  filter_[(hash >> 52) / 64] |= std::uint64_t{1} << (hash >> 52) % 64;
  prefix_texts_.emplace_back(prefix, next_);
  return next_++;
}

void Vocabulary::freeze() {
  shorter_.assign(next_, unknown_word);
  for (const auto& [text, symbol] : prefix_texts_) {
    WordHash begin;
    for (const char byte : std::string_view(text).substr(0, text.size() - 1)) {
      begin.add(byte);
      if (const Symbol found = find_prefix(begin); found != unknown_word) shorter_[symbol] = found;
    }
  }
}

}  // namespace bounced::classify
