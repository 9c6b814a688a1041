// SPDX-License-Identifier: Apache-2.0
#include "sync/api/rate_room.h"

#include <algorithm>
#include <charconv>

#include "sync/api/parse/retry_after.h"

namespace bounced::api {
namespace {

using namespace std::chrono_literals;

// Of the limit, for what other daemons send before they hear of it.
constexpr int reserve_share = 50;
// The times of windows are in whole seconds.
constexpr auto same_window = 2s;
// So many calls of other kinds between two answers show whether they are counted too.
constexpr std::int64_t telling_calls = 3;
constexpr auto longest_finding_out = 2s;
// What says that it holds for longer may be wrong, and no call would be made that could hear better.
constexpr std::chrono::seconds longest_window = 1h;

std::optional<int> number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return std::min(value, 1'000'000'000);  // more is no limit
}

}  // namespace

RateRooms::Call::Call(RateRooms& rooms, Kind kind) : rooms_(rooms), kind_(kind) {
  Room& room = rooms_.room_of(kind);
  ++room.in_flight;
  if (room.begun++ == 0) room.first_begun = Clock::now();
}

RateRooms::Call::~Call() {
  Room& room = rooms_.room_of(kind_);
  --room.in_flight;
  rooms_.answers_.release_all();
}

std::int64_t RateRooms::begun() const {
  std::int64_t sum = 0;
  for (const Room& room : rooms_) sum += room.begun;
  return sum;
}

void RateRooms::note(Kind kind, const HttpHead& head) {
  Room& room = room_of(kind);
  room.heard = room.heard || head.status != 0;
  const auto remaining = number(head.rate_limit_remaining);
  const auto here = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto server_now = http_date(head.date, here).value_or(here);
  const auto reset_in = retry_after({}, head.rate_limit_reset, server_now);
  if (!remaining || !reset_in) return;
  const auto now = Clock::now();
  const auto reset_at = now + std::min(*reset_in, longest_window);
  // Answers of one window may come in another order than they were made in.
  const bool goes_on = now < room.reset_at && reset_at < room.reset_at + same_window;
  if (goes_on) find_out_whether_together(room, *remaining);
  room.remaining = goes_on ? std::min(room.remaining, *remaining) : *remaining;
  room.reset_at = goes_on ? std::min(room.reset_at, reset_at) : reset_at;
  // One that does not name its limit has at least what is left.
  room.limit = std::max(number(head.rate_limit).value_or(0), *remaining + 1);
  room.begun_then = room.begun;
  room.others_then = begun() - room.begun;
}

// More is gone than this kind has used: what the others did explains it, or other daemons do.
void RateRooms::find_out_whether_together(const Room& room, int remaining) {
  const std::int64_t own = room.begun - room.begun_then;
  const std::int64_t others = begun() - room.begun - room.others_then;
  if (others < telling_calls) return;
  const std::int64_t unexplained = room.remaining - remaining - own;
  together_ = unexplained * 2 >= others;
}

std::optional<std::chrono::seconds> RateRooms::wait_for(Kind kind) {
  Room& room = room_of(kind);
  const auto now = Clock::now();
  if (room.limit == 0) return std::nullopt;
  const bool window_ended = now >= room.reset_at;
  // Of a window of which nothing has been heard yet, the limit is what is left at most.
  if (window_ended) room.remaining = room.limit;
  int left = room.remaining - room.in_flight;
  if (together_) {
    for (const Room& other : rooms_) {
      if (&other == &room) continue;
      left -= other.in_flight;
      const auto apart =
          other.reset_at > room.reset_at ? other.reset_at - room.reset_at : room.reset_at - other.reset_at;
      if (!window_ended && apart < same_window)
        left = std::min(left, other.remaining - room.in_flight - other.in_flight);
    }
  }
  if (left > room.limit / reserve_share) return std::nullopt;
  return window_ended ? 1s : std::chrono::ceil<std::chrono::seconds>(room.reset_at - now);
}

bool RateRooms::is_finding_out(Kind kind) const {
  const Room& room = room_of(kind);
  return !room.heard && room.in_flight > 0 && Clock::now() < room.first_begun + longest_finding_out;
}

boost::asio::awaitable<void> RateRooms::wait_for_answer(Kind kind) {
  co_await answers_.wait(room_of(kind).first_begun + longest_finding_out);
}

}  // namespace bounced::api
