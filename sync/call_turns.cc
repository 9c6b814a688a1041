// SPDX-License-Identifier: Apache-2.0
#include "sync/call_turns.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cmath>
#include <deque>
#include <exception>
#include <list>
#include <optional>
#include <utility>

#include "db/errors.h"
#include "sync/backoff.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Deletions in a row that polls wait for: these keep a quarter.
constexpr int most_deletions_in_a_row = 3;
// What is made up for after a moment in which nobody called: a hundredth of the window.
constexpr double made_up_share = 0.01;

Clock::duration ticks(Seconds time) {
  return std::chrono::duration_cast<Clock::duration>(time);
}

}  // namespace

Seconds latest_turn(const config::RateLimit& limit) {
  // A hundredth of the window; where that is short, what a busy machine takes.
  return std::max<Seconds>(Seconds(limit.per) * 0.01, 50ms);
}

db::Pace pace_of(const config::RateLimit& limit) {
  const Seconds made_up_for = Seconds(limit.per) * made_up_share;
  // So many of a window's turns may fall into it, from a little before it and a little after it too.
  const double most = std::floor(limit.requests * 1.05);
  const Seconds spacing =
      std::max<Seconds>(Seconds(limit.per) / limit.requests, (limit.per + made_up_for + latest_turn(limit)) / most);
  return {.spacing = spacing, .make_up_for = made_up_for};
}

struct CallTurns::State : std::enable_shared_from_this<State> {
  // Lives in the frame of a waiting coroutine.
  struct Waiter {
    Waiter(std::shared_ptr<State> at, Use use)
        : state(std::move(at)), queue(use == Use::poll ? state->polls : state->deletions), timer(state->executor) {
      timer.expires_at(Clock::time_point::max());
      queue.push_back(this);
    }
    ~Waiter() { queue.remove(this); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    void let_go(bool with_turn) {
      answer = with_turn;
      queue.remove(this);
      timer.cancel();
    }

    std::shared_ptr<State> state;
    std::list<Waiter*>& queue;
    asio::steady_timer timer;
    std::optional<bool> answer;
    std::exception_ptr error;
  };

  State(const asio::any_io_executor& io, db::Pool& connections, std::string of, const config::RateLimit& limit)
      : executor(io),
        pool(connections),
        account(std::move(of)),
        pace(pace_of(limit)),
        late(latest_turn(limit)),
        timer(io) {}

  [[nodiscard]] int waiting() const { return static_cast<int>(polls.size() + deletions.size()); }

  void turn_back() {
    while (!polls.empty()) polls.front()->let_go(false);
    while (!deletions.empty()) deletions.front()->let_go(false);
  }

  void let_next_go() {
    const bool polls_turn = deletions.empty() || (!polls.empty() && deletions_in_a_row >= most_deletions_in_a_row);
    deletions_in_a_row = polls_turn ? 0 : deletions_in_a_row + 1;
    (polls_turn ? polls : deletions).front()->let_go(true);
  }

  void fail_all(const std::exception_ptr& error) {
    for (Waiter* waiter : polls) waiter->error = error;
    for (Waiter* waiter : deletions) waiter->error = error;
    turn_back();
  }

  // Gives turns to those who wait, while there are any.
  void start() {
    if (std::exchange(running, true)) return;
    asio::co_spawn(executor, run(shared_from_this()), [self = shared_from_this()](const std::exception_ptr& error) {
      self->running = false;
      if (error) self->fail_all(error);
      if (self->waiting() > 0) self->start();  // who came while it ended
    });
  }

  static asio::awaitable<void> run(std::shared_ptr<State> self) {
    while (self->waiting() > 0) {
      const auto now = Clock::now();
      while (!self->turns.empty() && now > self->turns.front() + ticks(self->late)) self->turns.pop_front();
      if (self->turns.empty()) {
        const Seconds pause = co_await self->take_turns();
        if (pause > 0s) co_await self->sleep_until(Clock::now() + ticks(pause));
      } else if (self->turns.front() > now) {
        co_await self->sleep_until(self->turns.front());
      } else {
        self->turns.pop_front();
        self->let_next_go();
      }
    }
  }

  // Returns how long to wait before the next try; none where turns came, or nobody is to wait any more.
  asio::awaitable<Seconds> take_turns() {
    const auto asked = Clock::now();
    db::Turns taken;
    try {
      taken =
          co_await pool.run([this](db::Session& session) { return db::take_turns(session, account, pace, waiting()); });
      losses = 0;
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
      ++losses;
    }
    if (losses > 0) co_return database_retry.delay(losses);
    if (taken.paused) {
      turn_back();
      co_return 0s;
    }
    const auto now = Clock::now();
    if (taken.count == 0) co_return taken.first_in - 1s;
    // An answer that took so long is of the past, and its turns may be.
    if (now - asked > 1s) co_return 0s;
    for (int i = 0; i < taken.count; ++i) turns.push_back(now + ticks(taken.first_in + i * pace.spacing));
    // What is made up for is used now, not too late.
    for (auto& turn : turns) turn = std::max(turn, now);
    co_return 0s;
  }

  asio::awaitable<void> sleep_until(Clock::time_point time) {
    timer.expires_at(time);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  asio::any_io_executor executor;
  db::Pool& pool;
  const std::string account;
  const db::Pace pace;
  const Seconds late;
  asio::steady_timer timer;
  std::list<Waiter*> polls;
  std::list<Waiter*> deletions;
  std::deque<Clock::time_point> turns;  // taken and not used yet
  int deletions_in_a_row = 0;
  int losses = 0;  // of the database, in a row
  bool running = false;
};

CallTurns::CallTurns(const asio::any_io_executor& executor, db::Pool& pool, std::string account,
                     const config::RateLimit& limit)
    : state_(std::make_shared<State>(executor, pool, std::move(account), limit)) {}

CallTurns::~CallTurns() {
  state_->turn_back();
  state_->timer.cancel();
}

asio::awaitable<bool> CallTurns::wait(Use use) {
  State::Waiter waiter(state_, use);
  state_->start();
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (waiter.error) std::rethrow_exception(waiter.error);
  if (!waiter.answer) throw boost::system::system_error(asio::error::operation_aborted);
  co_return *waiter.answer;
}

void CallTurns::turn_back() {
  state_->turn_back();
}

int CallTurns::within_reach() const {
  return std::max(1, static_cast<int>(1s / state_->pace.spacing));
}

}  // namespace bounced::sync
