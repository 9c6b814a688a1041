// SPDX-License-Identifier: Apache-2.0
#include "db/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bounced::db {
namespace {

// What is written or read at once, about.
constexpr std::size_t piece = 256 * 1024;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

TemporaryFile::TemporaryFile()
    : file_(::open(std::filesystem::temp_directory_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
  if (file_ < 0) fail("a file for a long list, in the folder for temporary files");
}

TemporaryFile::~TemporaryFile() {
  ::close(file_);
}

void TemporaryFile::write(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= piece) flush();
}

std::string_view TemporaryFile::read(std::size_t size) {
  if (!std::exchange(reading_, true)) {
    flush();
    if (::lseek(file_, 0, SEEK_SET) < 0) fail("a long list's temporary file");
  }
  if (buffer_.size() - place_ < size) {
    buffer_.erase(0, std::exchange(place_, 0));
    while (buffer_.size() < size) {
      const std::size_t left = buffer_.size();
      buffer_.resize(left + piece);
      const ssize_t got = ::read(file_, buffer_.data() + left, piece);
      buffer_.resize(left + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0 && errno != EINTR) fail("a long list's temporary file");
      if (got == 0) break;
    }
  }
  const std::string_view bytes = std::string_view(buffer_).substr(place_, size);
  place_ += bytes.size();
  return bytes;
}

void TemporaryFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) fail("a long list's temporary file");
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

}  // namespace bounced::db
