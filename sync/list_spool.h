// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "db/listed_bounce.h"

namespace bounced::sync {

// A list on its way, in a file without a name in the folder for temporary files (TMPDIR, or /tmp), which is gone with
// this object: some 150 MB for a million bounces. All of it throws std::system_error, as where the disk is full.
class ListSpool {
 public:
  ListSpool();
  ~ListSpool();
  ListSpool(const ListSpool&) = delete;
  ListSpool& operator=(const ListSpool&) = delete;

  void write(const std::vector<db::ListedBounce>& batch);

  // From the beginning on, some at a time; none at the end. Nothing can be written any more.
  std::vector<db::ListedBounce> read();

 private:
  void put(std::string_view text);
  void flush();
  bool fill();
  [[nodiscard]] bool has_entry() const;
  std::size_t take_size();
  std::string take();

  int file_;
  std::string buffer_;     // to be written; later, what was read
  std::size_t place_ = 0;  // in buffer_, of what comes next
  bool reading_ = false;
};

}  // namespace bounced::sync
