// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bounced::db {

// A file without a name in the folder for temporary files (TMPDIR, or /tmp), which is gone with this object; to be
// written, and then read once. All of it throws std::system_error, as where the disk is full.
class TemporaryFile {
 public:
  TemporaryFile();
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view bytes);

  // The next so many bytes, until the next call; fewer, or none, at the file's end.
  std::string_view read(std::size_t size);

 private:
  void flush();

  int file_;
  std::string buffer_;     // to be written; later, what was read
  std::size_t place_ = 0;  // in buffer_, of what comes next
  bool reading_ = false;
};

}  // namespace bounced::db
