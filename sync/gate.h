// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>

#include "config/config.h"
#include "db/waiting.h"
#include "sync/api/permit.h"
#include "sync/call_turns.h"
#include "sync/visit.h"

namespace bounced::sync {

// Calls that are being made.
struct CallCount {
  int lists = 0;  // calls for subusers too
  int slow = 0;   // of these
  int deletions = 0;
  int slow_deletions = 0;  // of these
  std::set<const Visit*> slow_visits = {};
};

// Who waits to call one account's API, and what holds them up beside the want of a place: the turns of its rate limit,
// and pauses. It says who goes next; the Admission says when.
class Gate {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  using HasPlace = std::function<bool(const Visit&)>;

  // Lives in the frame of the coroutine that waits.
  struct Waiter {
    Waiter(Gate& of, WaitList& list, std::shared_ptr<Visit> who, std::size_t order);
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    Gate& gate;
    std::shared_ptr<Visit> visit;
    std::size_t number;  // in the order in which they came
    WaitList::Waiter wait;
    api::Permit permit;
    std::exception_ptr refused;
    std::optional<Clock::time_point> paused_since = {};
  };

  // `watched` is released whenever the next end of a pause may be another.
  Gate(const boost::asio::any_io_executor& executor, WaitList& watched) : watched_(watched), changed_(executor) {}

  CallCount calls;       // of the account, as of the admission's last count
  bool serving = false;  // the loop runs that gets turns

  [[nodiscard]] bool empty() const { return waiters_.empty(); }
  [[nodiscard]] bool is_limited() const { return turns_.has_value(); }
  void set_rate(const config::RateLimit& rate);

  // Who goes next, of those who have a place; null: nobody.
  [[nodiscard]] Waiter* pick(Clock::time_point now, const HasPlace& has_place) const;
  // Whether a call can be made now, as far as turns go.
  [[nodiscard]] bool has_turn(Clock::time_point now);
  // Uses a turn, where there is a limit. `is_new`: it is the visit's first call.
  void let_in(Waiter& waiter, Clock::time_point now, bool is_new, api::Permit permit);

  // Lets those go who wait, without a permit; those of one kind where it is named.
  void refuse(std::optional<CallKind> kind, const std::exception_ptr& why);
  // The account is paused for so long. Who has read a part of a list already waits a short pause out; whether it is
  // over is looked at after `look_again`.
  void turn_back(Clock::time_point now, CallKind kind, Seconds length, Seconds look_again);
  // Whether the visit would have to wait out a pause that is not short.
  [[nodiscard]] bool is_closed_to(const Visit& visit, Clock::time_point now) const;
  // When the next pause is over that somebody waits out.
  [[nodiscard]] Clock::time_point next_pause_end(Clock::time_point now) const;

  // Who waits and is not paused, by kind of call.
  [[nodiscard]] WantedTurns wanted(Clock::time_point now) const;
  // What the database said when it was asked for turns at `asked`.
  void took(const db::Turns& taken, const db::Pace& pace, Clock::time_point asked, Clock::time_point now);
  void lost(const std::exception_ptr& error, Clock::time_point now);
  // When the next turn comes, or the database may be asked for some. In the past: it may be asked now.
  [[nodiscard]] Clock::time_point next_step(Clock::time_point now);
  [[nodiscard]] db::Pace pace() const { return turns_->pace(); }
  // Until that time; less where something has changed.
  boost::asio::awaitable<Waited> wait(Clock::time_point until) { return changed_.wait(until); }

 private:
  [[nodiscard]] Clock::time_point paused_until(const Visit& visit) const;
  static void refuse(Waiter& waiter, const std::exception_ptr& why);

  WaitList& watched_;
  std::list<Waiter*> waiters_;  // longest wait first
  config::RateLimit rate_ = {.requests = 0};
  std::optional<CallTurns> turns_;                       // none: there is no limit
  Clock::time_point ask_at_ = Clock::time_point::min();  // for turns, at the earliest
  int deletions_in_a_row_ = 0;
  // By kind of call, for those who wait pauses out. Who comes anew is let in: the database has given its work, so that
  // the pause has been ended.
  std::array<Clock::time_point, 3> paused_until_ = {};
  int losses_ = 0;    // of the database, in a row
  WaitList changed_;  // where the loop sleeps that gets turns
};

}  // namespace bounced::sync
