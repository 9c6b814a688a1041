// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "db/listed_bounce.h"

namespace bounced::db {

// The fingerprint of a list, whatever the order of its entries: lists that differ in one entry, or in how often they
// have it, have different ones. (128 bits of XXH3 of each entry, added up. Two lists that people come to have the same
// once in 2^128 times; somebody who can forge bounces could make such, and gain that they are not noticed for 12
// hours.)
struct ListPrint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  ListPrint& operator+=(const ListPrint& other);
  bool operator==(const ListPrint&) const = default;

  // As a UUID.
  [[nodiscard]] std::string text() const;
};

// Makes the fingerprints of single entries.
class EntryPrinter {
 public:
  ListPrint operator()(const ListedBounce& bounce);

 private:
  std::string entry_;  // its memory is used again
};

// A list's fingerprint in parts, by which two lists show where they differ. Which part an entry belongs to depends on
// its address alone. At a million entries a part has fifteen. Takes a megabyte.
class ListParts {
 public:
  static constexpr std::size_t count = 1 << 16;
  using Set = std::bitset<count>;

  ListParts();

  static std::size_t part_of(std::string_view email);
  void add(const ListedBounce& bounce);

  [[nodiscard]] ListPrint whole() const;
  [[nodiscard]] Set differing(const ListParts& other) const;

 private:
  EntryPrinter print_;
  std::vector<ListPrint> parts_;
};

}  // namespace bounced::db
