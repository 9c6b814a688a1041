// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "db/list_print.h"
#include "db/listed_bounce.h"
#include "db/temporary_file.h"

namespace bounced::db {

// A long list that waits outside of the database, in a temporary file, until it is whole and can be compared: some 150
// MB for a million bounces. Throws what TemporaryFile throws.
class ListSpool {
 public:
  void write(const std::vector<ListedBounce>& batch);

  // Of what was written.
  [[nodiscard]] const ListParts& parts() const { return parts_; }
  [[nodiscard]] bool has_instants() const { return has_instants_; }

  // The entries of these parts, once, in the order in which they came, some at a time; none at the end. Nothing can be
  // written any more.
  std::vector<ListedBounce> read(const ListParts::Set& parts);

 private:
  void append(std::string_view text);

  TemporaryFile file_;
  ListParts parts_;
  bool has_instants_ = false;
  std::string entry_;  // its memory is used again
};

}  // namespace bounced::db
