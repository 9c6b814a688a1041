// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>

#include "db/waiting.h"
#include "sync/api/http.h"
#include "sync/call_kind.h"

namespace bounced::api {

// What the API says of its own rate limits in the heads of its answers (X-RateLimit-Limit, -Remaining, -Reset): so
// calls stop before it refuses them. Others use the same limits, and what they do shows in the next answer. SendGrid
// counts each kind of call by itself; where kinds turn out to be counted together, they share what is left.
class RateRooms {
 public:
  using Clock = std::chrono::steady_clock;
  using Kind = sync::CallKind;

  explicit RateRooms(boost::asio::any_io_executor executor) : answers_(std::move(executor)) {}

  // A call that is being made, as long as this lives.
  class Call {
   public:
    Call(RateRooms& rooms, Kind kind);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    // What the head of its answer says.
    void answered(const HttpHead& head) { rooms_.note(kind_, head); }

   private:
    RateRooms& rooms_;
    Kind kind_;
  };

  // How long to wait before the next call of that kind; none: it may be made now.
  [[nodiscard]] std::optional<std::chrono::seconds> wait_for(Kind kind);
  // The first call of a kind finds out whether there is a limit, and how small: others wait until it has ended, or for
  // some seconds, since it may hang.
  [[nodiscard]] bool is_finding_out(Kind kind) const;
  boost::asio::awaitable<void> wait_for_answer(Kind kind);

 private:
  struct Room {
    bool heard = false;  // an answer came, whatever it said
    int in_flight = 0;
    std::int64_t begun = 0;  // calls
    Clock::time_point first_begun{};
    int limit = 0;  // 0: nothing is known of one
    int remaining = 0;
    Clock::time_point reset_at{};  // until then the numbers hold
    // As of the last answer: calls that had begun, of this kind and of the others.
    std::int64_t begun_then = 0;
    std::int64_t others_then = 0;
  };

  Room& room_of(Kind kind) { return rooms_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const Room& room_of(Kind kind) const { return rooms_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::int64_t begun() const;
  void note(Kind kind, const HttpHead& head);
  void find_out_whether_together(const Room& room, int remaining);

  std::array<Room, 3> rooms_;
  bool together_ = false;
  WaitList answers_;
};

}  // namespace bounced::api
