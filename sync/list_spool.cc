// SPDX-License-Identifier: Apache-2.0
#include "sync/list_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace bounced::sync {
namespace {

// What is written or read at once, about.
constexpr std::size_t piece = 256 * 1024;

using Size = std::uint32_t;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

ListSpool::ListSpool()
    : file_(::open(std::filesystem::temp_directory_path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
  if (file_ < 0) fail("a file for a long list, in the folder for temporary files");
}

ListSpool::~ListSpool() {
  ::close(file_);
}

// An entry: its size, then each text after its size. The time of a bounce: nothing, L and the text, or I and seconds
// since 1970.
void ListSpool::write(const std::vector<db::ListedBounce>& batch) {
  for (const db::ListedBounce& bounce : batch) {
    const std::size_t begin = buffer_.size();
    buffer_.append(sizeof(Size), '\0');
    put(bounce.email);
    put(bounce.status);
    put(bounce.reason);
    if (const auto* local = std::get_if<db::LocalTime>(&bounce.created)) {
      put("L" + local->text);
    } else if (const auto* instant = std::get_if<db::Instant>(&bounce.created)) {
      put("I" + std::to_string(instant->time_since_epoch().count()));
    } else {
      put({});
    }
    const auto size = static_cast<Size>(buffer_.size() - begin - sizeof(Size));
    std::memcpy(buffer_.data() + begin, &size, sizeof size);
    if (buffer_.size() >= piece) flush();
  }
}

std::vector<db::ListedBounce> ListSpool::read() {
  if (!std::exchange(reading_, true)) {
    flush();
    if (::lseek(file_, 0, SEEK_SET) < 0) fail("a long list's temporary file");
  }
  std::vector<db::ListedBounce> batch;
  while (batch.empty() && fill()) {
    while (has_entry()) {
      (void)take_size();
      db::ListedBounce& bounce = batch.emplace_back();
      bounce.email = take();
      bounce.status = take();
      bounce.reason = take();
      const std::string created = take();
      if (created.starts_with('L')) bounce.created = db::LocalTime{created.substr(1)};
      if (created.starts_with('I')) bounce.created = db::Instant{std::chrono::seconds(std::stoll(created.substr(1)))};
    }
  }
  return batch;
}

void ListSpool::put(std::string_view text) {
  const auto size = static_cast<Size>(text.size());
  buffer_.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

void ListSpool::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const auto written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) fail("a long list's temporary file");
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

// Reads on behind what is left; false where there is no more.
bool ListSpool::fill() {
  buffer_.erase(0, std::exchange(place_, 0));
  const std::size_t left = buffer_.size();
  buffer_.resize(left + piece);
  ssize_t got = 0;
  do {
    got = ::read(file_, buffer_.data() + left, piece);
  } while (got < 0 && errno == EINTR);
  if (got < 0) fail("a long list's temporary file");
  buffer_.resize(left + static_cast<std::size_t>(got));
  return got > 0;
}

bool ListSpool::has_entry() const {
  const std::size_t left = buffer_.size() - place_;
  if (left < sizeof(Size)) return false;
  Size size = 0;
  std::memcpy(&size, buffer_.data() + place_, sizeof size);
  return left - sizeof size >= size;
}

std::size_t ListSpool::take_size() {
  Size size = 0;
  std::memcpy(&size, buffer_.data() + place_, sizeof size);
  place_ += sizeof size;
  return size;
}

std::string ListSpool::take() {
  const std::size_t size = take_size();
  place_ += size;
  return buffer_.substr(place_ - size, size);
}

}  // namespace bounced::sync
