// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "sync/api/http.h"

namespace bounced::api {

// What the API says of its own rate limit in the heads of its answers (X-RateLimit-Limit, -Remaining, -Reset): so calls
// stop before it refuses them. Others use the same limit, and what they do shows in the next answer.
class RateRoom {
 public:
  using Clock = std::chrono::steady_clock;

  // A call that is being made, as long as this lives.
  class Call {
   public:
    explicit Call(RateRoom& room) : room_(room) { ++room_.in_flight_; }
    ~Call() { --room_.in_flight_; }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    // What the head of its answer says.
    void answered(const HttpHead& head) { room_.note(head); }

   private:
    RateRoom& room_;
  };

  // How long to wait before the next call; none: it may be made now.
  [[nodiscard]] std::optional<std::chrono::seconds> wait_for() const;

 private:
  void note(const HttpHead& head);

  int in_flight_ = 0;
  int limit_ = 0;
  int remaining_ = 0;
  Clock::time_point reset_at_ = Clock::time_point::min();  // until then the numbers hold
};

}  // namespace bounced::api
