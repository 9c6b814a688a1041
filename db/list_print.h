// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "db/listed_bounce.h"

namespace bounced::db {

// The fingerprint of a list, whatever the order of its entries: lists that differ in one entry, or in how often they
// have it, have different ones. (128 bits of XXH3 of each entry, added up. Two lists that people come to have the same
// once in 2^128 times; somebody who can forge bounces could make such, and gain that they are not noticed for 12
// hours.)
class ListPrint {
 public:
  void add(const ListedBounce& bounce);

  // As a UUID.
  [[nodiscard]] std::string text() const;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
  std::string entry_;  // its memory is used again
};

}  // namespace bounced::db
