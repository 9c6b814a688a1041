// SPDX-License-Identifier: Apache-2.0
// Turns to call under a rate limit: shared by daemons, deletions first, polls not last.
#include "sync/admission.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "db/accounts.h"
#include "tests/integration/poll_fixture.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using sync::Admission;
using sync::CallKind;
using sync::Visit;
using Clock = std::chrono::steady_clock;

class Turns : public PollTest {
 protected:
  // So many coroutines wait for a turn each; `ended` has who came, in their order, and "-" before who was turned back.
  struct Waiters {
    Waiters(Daemon& daemon, Admission& turns) : io(daemon.io), turns_(turns), happened(daemon.io) {}

    void add(CallKind kind, const std::string& name) {
      ++waiting;
      asio::co_spawn(io, turns_.enter(visit(kind)), [this, name](const std::exception_ptr& error, const api::Permit&) {
        --waiting;
        ended += (error ? "-" : "") + name;
        at.push_back(Clock::now());
        happened.wake();
      });
    }
    static std::shared_ptr<Visit> visit(CallKind kind) {
      return std::make_shared<Visit>(Visit{.kind = kind, .account = "json"});
    }
    asio::awaitable<void> all() {
      while (waiting > 0) co_await happened.wait(1s);
    }

    asio::any_io_executor io;
    Admission& turns_;
    sync::Wakeup happened;
    int waiting = 0;
    std::string ended;
    std::vector<Clock::time_point> at;
  };

  static Admission::LimitsOf limits(const config::RateLimit& limit) {
    return [limit](const std::string&) { return Admission::Limits{.rate = limit, .at_once = 1000}; };
  }
  static Admission::TakeTurns from(db::Pool& pool) {
    return [&pool](const std::string& account, const db::Pace& pace, const Admission::Wanted& wanted) {
      return take(pool, account, pace, wanted);
    };
  }
  static asio::awaitable<db::Turns> take(db::Pool& pool, std::string account, db::Pace pace, Admission::Wanted wanted) {
    co_return co_await pool.run([&](db::Session& session) {
      return db::take_turns(session, account, pace, wanted.lists, wanted.deletions, wanted.subusers);
    });
  }

  // body(Daemon&, Admission&, Waiters&)
  template <class Body>
  void with_turns(const config::RateLimit& limit, Body body) {
    add_customer("c");
    with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
      Admission turns(daemon.io, limits(limit), from(daemon.pool));
      turns.set_totals({.lists = 1000, .deletions = 1000});
      Waiters waiters(daemon, turns);
      co_await body(daemon, turns, waiters);
    });
  }
};

TEST_F(Turns, DeletionsGoFirstAndPollsKeepAQuarter) {
  with_turns({.requests = 1000, .per = 10s}, [](Daemon&, Admission&, Waiters& waiters) -> asio::awaitable<void> {
    for (int i = 0; i < 4; ++i) waiters.add(CallKind::list, "p");
    for (int i = 0; i < 9; ++i) waiters.add(CallKind::deletion, "d");
    co_await waiters.all();
    EXPECT_EQ(waiters.ended, "dddpdddpdddpp");
  });
}

TEST_F(Turns, TheyAreSpreadEvenly) {
  with_turns({.requests = 500, .per = 10s}, [](Daemon&, Admission&, Waiters& waiters) -> asio::awaitable<void> {
    const auto began = Clock::now();
    for (int i = 0; i < 40; ++i) waiters.add(CallKind::list, "p");
    co_await waiters.all();
    // 20 ms apart; what is not used in time is made up for by five at most.
    EXPECT_GE(waiters.at.back() - began, 34 * 20ms);
  });
}

TEST_F(Turns, TwoDaemonsShareThem) {
  with_turns({.requests = 500, .per = 10s}, [&](Daemon& daemon, Admission&, Waiters& one) -> asio::awaitable<void> {
    Admission of_another(daemon.io, limits({.requests = 500, .per = 10s}), from(daemon.pool));
    of_another.set_totals({.lists = 1000, .deletions = 1000});
    Waiters other(daemon, of_another);
    const auto began = Clock::now();
    for (int i = 0; i < 25; ++i) {
      one.add(CallKind::list, "p");
      other.add(CallKind::list, "p");
    }
    co_await one.all();
    co_await other.all();
    EXPECT_GE(Clock::now() - began, 44 * 20ms);
  });
}

// A daemon that was stopped does not make up for it.
TEST_F(Turns, TurnsThatWereMissedAreLost) {
  with_turns({.requests = 1000, .per = 10s}, [](Daemon&, Admission&, Waiters& waiters) -> asio::awaitable<void> {
    for (int i = 0; i < 90; ++i) waiters.add(CallKind::list, "p");
    while (waiters.ended.size() < 5) co_await waiters.happened.wait(1s);
    const std::size_t before = waiters.ended.size();
    std::this_thread::sleep_for(500ms);  // nothing runs meanwhile
    const auto woken = Clock::now();
    co_await waiters.all();
    // Of the fifty that passed, those of the last 100 ms may still be used.
    const auto at_once = std::count_if(waiters.at.begin() + static_cast<std::ptrdiff_t>(before), waiters.at.end(),
                                       [&](Clock::time_point at) { return at < woken + 50ms; });
    EXPECT_LT(at_once, 35);
  });
}

TEST_F(Turns, APauseTurnsThoseBackWhoWait) {
  with_turns({.requests = 1, .per = 1min}, [&](Daemon& daemon, Admission&, Waiters& waiters) -> asio::awaitable<void> {
    waiters.add(CallKind::list, "a");
    while (waiters.ended.empty()) co_await waiters.happened.wait(1s);
    // By another daemon, seen at the next look for turns.
    co_await daemon.pool.run([](db::Session& session) {
      db::pause_account(session, "json", 1min, "rate_limited", "slow down", "-infinity");
    });
    waiters.add(CallKind::list, "b");
    co_await waiters.all();
    EXPECT_EQ(waiters.ended, "a-b");
  });
}

TEST_F(Turns, WhoIsTurnedBackWaitsNoLongerAndWhoIsCancelledNeither) {
  with_turns(
      {.requests = 1, .per = 1h}, [&](Daemon& daemon, Admission& turns, Waiters& waiters) -> asio::awaitable<void> {
        waiters.add(CallKind::deletion, "a");
        while (waiters.ended.empty()) co_await waiters.happened.wait(1s);
        waiters.add(CallKind::deletion, "b");
        waiters.add(CallKind::list, "c");
        asio::cancellation_signal cancel;
        std::exception_ptr cancelled;
        ++waiters.waiting;
        asio::co_spawn(daemon.io, turns.enter(Waiters::visit(CallKind::list)),
                       asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr error, const api::Permit&) {
                         --waiters.waiting;
                         cancelled = error;
                         waiters.happened.wake();
                       }));
        co_await asio::post(daemon.io, asio::use_awaitable);
        cancel.emit(asio::cancellation_type::terminal);
        while (!cancelled) co_await waiters.happened.wait(1s);
        turns.turn_back("json", CallKind::list, 1s);
        turns.turn_back("json", CallKind::deletion, 1s);
        co_await waiters.all();
        EXPECT_EQ(waiters.ended, "a-c-b");
      });
}

TEST_F(Turns, ADatabaseThatIsAwayIsWaitedFor) {
  Cluster own;
  url = own.create_database();
  with_turns({.requests = 100, .per = 1s}, [&](Daemon&, Admission&, Waiters& waiters) -> asio::awaitable<void> {
    own.stop();
    waiters.add(CallKind::list, "p");
    co_await waiters.happened.wait(300ms);
    EXPECT_EQ(waiters.waiting, 1);
    own.start();
    co_await waiters.all();
    EXPECT_EQ(waiters.ended, "p");
  });
}

}  // namespace
}  // namespace bounced::test
