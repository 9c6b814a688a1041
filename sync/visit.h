// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>

#include "sync/call_kind.h"

namespace bounced::sync {

// No call is to be made now: the account is paused, is not configured any more, or this daemon may have been taken for
// dead.
struct NotAdmitted : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "no call can be made for the account now"; }
};

// Nearly every list is read and merged in less.
inline constexpr std::chrono::seconds slow_after{10};

// What makes calls one after the other, or several at once: a poll, a deletion, a look for subusers. Each call enters
// right before it is made, and leaves by destroying its Permit.
struct Visit {
  CallKind kind = CallKind::list;
  std::string account;
  bool slow = false;  // it is known to take long
  // Since its first call; none: it has made none yet.
  std::optional<std::chrono::steady_clock::time_point> began = {};
  int calls = 0;  // now

  [[nodiscard]] bool is_slow(std::chrono::steady_clock::time_point now) const {
    return slow || (began && now - *began >= slow_after);
  }
};

inline bool deletes(const Visit& visit) {
  return visit.kind == CallKind::deletion;
}

}  // namespace bounced::sync
