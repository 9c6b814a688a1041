// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <variant>

namespace bounced::db {

// A wall clock's reading without a zone, "YYYY-MM-DD HH:MM:SS", checked to exist in the calendar. The account's time
// zone says which instant it is; PostgreSQL converts.
struct LocalTime {
  std::string text;

  bool operator==(const LocalTime&) const = default;
};

using Instant = std::chrono::sys_seconds;

// An entry of a list as the API gives it, made storable: valid UTF-8 without NUL, white space folded, of bounded
// length (sync/api/parse/storable.h). The email is never blank.
struct ListedBounce {
  std::string email;
  std::string status;
  std::string reason;
  std::variant<std::monostate, LocalTime, Instant> created;  // monostate: absent, zero or unreadable

  bool operator==(const ListedBounce&) const = default;
};

// What it takes in memory, about, in bytes.
inline std::size_t size_of(const ListedBounce& bounce) {
  return sizeof bounce + bounce.email.size() + bounce.status.size() + bounce.reason.size();
}

}  // namespace bounced::db
