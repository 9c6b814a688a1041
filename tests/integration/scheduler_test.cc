// SPDX-License-Identifier: Apache-2.0
// The daemon's loop: intervals, waking, stopping, and a database that goes away.
#include "sync/scheduler.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/integration/poll_fixture.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;

// Runs the scheduler beside the body, which stops it or is followed by a stop.
class SchedulerTest : public PollTest {
 protected:
  using PollTest::PollTest;

  template <class Body>
  void beside_scheduler(Body body) {
    with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
      sync::Scheduler scheduler(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling);
      sync::Wakeup happened(daemon.io);
      recorder.told = [&] { happened.wake(); };
      bool ended = false;
      std::exception_ptr broken;
      asio::co_spawn(daemon.io, scheduler.run(), [&](std::exception_ptr error) {
        ended = true;
        broken = error;
        happened.wake();
      });
      in_flight = &daemon.accounts.in_flight();
      co_await body(scheduler, happened);
      scheduler.stop();
      while (!ended) co_await happened.wait(1s);
      recorder.told = nullptr;
      if (broken) std::rethrow_exception(broken);
    });
  }

  sync::InFlight* in_flight = nullptr;

  template <class Kind>
  std::size_t count() const {
    return recorder.of<Kind>().size();
  }
};

TEST_F(SchedulerTest, PollsEachCustomerAtItsInterval) {
  add_customer("often", "json", {.every = 1s});
  add_customer("seldom", "xml", {.every = 24h});
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (count<sync::PollEnded>() < 4) co_await happened.wait(1s);
  });
  std::size_t seldom = 0;
  for (const auto& call : api.calls()) seldom += call.customer() == "seldom" ? 1 : 0;
  EXPECT_EQ(seldom, 1U);
  EXPECT_EQ(value("select count(claimed_by) from bounced.customers"), "0");
}

TEST_F(SchedulerTest, PollNowIsFollowedAtOnceWhenItIsWoken) {
  add_customer("c", "json", {.every = 24h});
  beside_scheduler([&](sync::Scheduler& scheduler, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (count<sync::PollEnded>() < 1) co_await happened.wait(1s);
    execute(url, "select bounced.poll_now('c')");
    scheduler.wake();
    while (count<sync::PollEnded>() < 2) co_await happened.wait(1s);
  });
}

TEST_F(SchedulerTest, AFailingCustomerAndASilentOneHoldUpNobody) {
  for (const char* name : {"bad", "silent", "good"}) add_customer(name, "json", {.every = 1s});
  api.answer({.customer = "bad"}, {.status = 500, .body = "x"}, 0);
  api.answer({.customer = "silent"}, {.hold_head = true}, 0);
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (count<sync::PollEnded>() < 3 || count<sync::PollFailed>() < 1) co_await happened.wait(1s);
  });
  for (const auto& ended : recorder.of<sync::PollEnded>()) EXPECT_EQ(ended.claim.customer, "good");
}

TEST_F(SchedulerTest, AStopBreaksOffWhatWaitsForTheNetworkAndLosesNothing) {
  for (const char* name : {"head", "body"}) {
    add_customer(name);
    api.generate(name, 1, 100);
  }
  api.answer({.customer = "head"}, {.hold_head = true});
  api.answer({.customer = "body"}, {.gzip = simulator::Gzip::never, .hold_at = 5000});
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (api.counters().held < 2) co_await happened.wait(20ms);
  });
  EXPECT_EQ(mirror(), "");
  EXPECT_EQ(value("select count(*) from bounced.customers where claimed_by is null and failures = 0 and "
                  "last_error is null and next_poll_at <= now()"),
            "2");
  EXPECT_EQ(count<sync::PollFailed>(), 0U);
}

// A bug that keeps a poll in flight for ever: here, limits that end nothing.
TEST_F(SchedulerTest, WhatStallsIsBrokenOffToldAndPolledAgain) {
  add_customer("c", "json", {.every = 1s});
  deadlines.first_byte = deadlines.total = 24h;
  api.answer({}, {.hold_head = true});
  std::vector<sync::InFlight::Item> stalled;
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (api.counters().held < 1) co_await happened.wait(20ms);
    EXPECT_EQ(in_flight->count(), 1);
    EXPECT_EQ(in_flight->stalls(), 0);
    const auto now = sync::InFlight::Clock::now();
    for (auto later = 0s; later < 20min; later += sync::InFlight::check_every) {
      for (auto& item : in_flight->check(now + later)) stalled.push_back(item);
    }
    while (count<sync::PollEnded>() < 1) co_await happened.wait(1s);
    EXPECT_FALSE(in_flight->stuck());
  });
  ASSERT_EQ(stalled.size(), 1U);
  EXPECT_EQ(stalled[0].what, "poll");
  EXPECT_EQ(stalled[0].whom, "c");
  EXPECT_EQ(stalled[0].waits_for, "the list");
}

TEST_F(SchedulerTest, ClaimsLeftByADeadDaemonAreTakenOver) {
  add_customer("c");
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    co_await daemon.pool.run([&](db::Session& session) { db::claim_named(session, daemon.number, {"c"}, {}); });
  });
  execute(url, "update bounced.daemons set heartbeat = now() - interval '21 s'");
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (count<sync::PollEnded>() < 1) co_await happened.wait(1s);
  });
}

TEST_F(SchedulerTest, AmongAHundredGoodOnesAWrongKeyAndAnEndlessListMakeNobodyLate) {
  for (int i = 0; i < 100; ++i) add_customer(fmt::format("good{}", i), "json", {.every = 5s});
  add_customer("endless", "json", {.every = 5s});
  api.generate("endless", 1, 1000);
  api.answer({.customer = "endless"}, {.gzip = simulator::Gzip::never, .drip_bytes = 1, .drip_every = 500ms}, 0);
  for (int i = 0; i < 5; ++i) add_customer(fmt::format("locked{}", i), "xml", {.every = 5s});
  config.accounts[1].key = config::Secret("wrong");
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (count<sync::PollEnded>() < 400) co_await happened.wait(1s);
  });
  std::map<std::string, int> polls;
  for (const auto& ended : recorder.of<sync::PollEnded>()) {
    // The first one is due at once, like all others.
    if (++polls[ended.claim.customer] == 1) continue;
    EXPECT_LT(ended.claim.late, 2s) << ended.claim.customer;
  }
  EXPECT_EQ(polls.size(), 100U);
  // Each pause of the account costs what may have been in flight; on a slow machine the first one may be over.
  const std::size_t pauses = count<sync::AccountPaused>();
  EXPECT_GE(pauses, 1U);
  EXPECT_LE(pauses, 2U);
  std::size_t wrong = 0;
  for (const auto& call : api.calls()) wrong += call.parameter("api_key") == "wrong" ? 1 : 0;
  EXPECT_LE(wrong, 4 * pauses);
  EXPECT_EQ(count<sync::PollFailed>(), 0U);
}

// Two accounts whose servers say nothing could fill all places.
TEST_F(SchedulerTest, SlowPollsTakeNoPlacesFromOthers) {
  config.polling.concurrency = 2;
  for (const char* name : {"silent", "mute"}) {
    add_customer(name, "xml");
    api.answer({.customer = name}, {.hold_head = true}, 0);
  }
  add_customer("good");
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  execute(url, "update bounced.customers set next_poll_at = now() + interval '1 day' where name = 'good'");
  beside_scheduler([&](sync::Scheduler& scheduler, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (api.counters().held < 2) co_await happened.wait(20ms);
    execute(url, "select bounced.poll_now('good')");
    scheduler.wake();
    while (count<sync::PollEnded>() < 1) co_await happened.wait(1s);
  });
  EXPECT_EQ(count<sync::PollFailed>(), 0U);
}

TEST_F(SchedulerTest, AnAccountThatAnswersNobodyGetsOnePollAtATimeUntilItAnswers) {
  deadlines.first_byte = 300ms;
  for (int i = 0; i < 12; ++i) add_customer(fmt::format("c{}", i), "json", {.every = 24h});
  api.answer({}, {.hold_head = true}, 0);
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    // Four are in flight at first.
    while (count<sync::PollFailed>() < 4) co_await happened.wait(1s);
    const auto calls = api.counters().calls;
    while (api.counters().calls == calls) co_await happened.wait(10ms);
    // More would have been sent in the same moment.
    co_await happened.wait(100ms);
    EXPECT_EQ(api.counters().calls, calls + 1);
    // Its failure is one too many: lists are paused for a while.
    while (count<sync::AccountPaused>() == 0) co_await happened.wait(1s);
    api.clear_answers();
    while (count<sync::PollEnded>() < 4) co_await happened.wait(1s);
  });
}

TEST_F(SchedulerTest, DaemonsThatLiveShareWhatAnAccountMayDoAtOnce) {
  for (int i = 0; i < 12; ++i) add_customer(fmt::format("c{}", i), "json", {.every = 24h});
  api.answer({}, {.hold_head = true}, 0);
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    const auto held_with = [&](int daemons, int before) {
      daemon.accounts.heard({{"json", daemons, before}}, std::chrono::steady_clock::now());
      return daemon.accounts.find("json")->share;
    };
    // Of four.
    EXPECT_EQ(held_with(1, 0), 4);
    EXPECT_EQ(held_with(3, 0), 2);
    EXPECT_EQ(held_with(3, 1), 1);
    EXPECT_EQ(held_with(3, 2), 1);
    EXPECT_EQ(held_with(9, 8), 1);
    held_with(3, 0);
    sync::Scheduler scheduler(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling);
    sync::Wakeup happened(daemon.io);
    bool ended = false;
    asio::co_spawn(daemon.io, scheduler.run(), [&](std::exception_ptr error) {
      EXPECT_FALSE(error);
      ended = true;
      happened.wake();
    });
    while (api.counters().held < 2) co_await happened.wait(20ms);
    co_await happened.wait(300ms);
    EXPECT_EQ(api.counters().held, 2U);
    scheduler.stop();
    while (!ended) co_await happened.wait(1s);
  });
}

// Stopped for a while, it may have been taken for dead.
TEST_F(SchedulerTest, ADaemonWithoutAFreshHeartbeatCallsNobody) {
  add_customer("c");
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    daemon.accounts.heard({}, std::chrono::steady_clock::now() - 16s);
    EXPECT_EQ((co_await daemon.poll("c")).end, sync::PollResult::End::account_fault);
    EXPECT_EQ(api.counters().calls, 0U);
    EXPECT_EQ(value("select count(claimed_by) from bounced.customers"), "0");
    daemon.accounts.heard({}, std::chrono::steady_clock::now());
    EXPECT_EQ((co_await daemon.poll("c")).end, sync::PollResult::End::merged);
  });
}

TEST_F(SchedulerTest, PollsKeepTheRateLimitAndWaitWithoutAPlace) {
  config.accounts[0].rate_limit = {.requests = 50, .per = 10s};
  config.polling.concurrency = 1;
  for (int i = 0; i < 15; ++i) add_customer(fmt::format("slow{}", i), "json", {.every = 24h});
  for (int i = 0; i < 30; ++i) add_customer(fmt::format("free{}", i), "xml", {.every = 24h});
  std::size_t limited_before_the_last_free_one = 0;
  beside_scheduler([&](sync::Scheduler&, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (count<sync::PollEnded>() < 45) co_await happened.wait(1s);
  });
  const auto ended = recorder.of<sync::PollEnded>();
  for (std::size_t i = 0, free = 0; i < ended.size() && free < 30; ++i) {
    (ended[i].claim.account == "xml" ? free : limited_before_the_last_free_one) += 1;
  }
  EXPECT_LT(limited_before_the_last_free_one, 15U);
  // 200 ms apart.
  std::vector<std::chrono::system_clock::time_point> calls;
  for (const auto& call : api.calls()) {
    if (call.customer().starts_with("slow")) calls.push_back(call.time);
  }
  ASSERT_EQ(calls.size(), 15U);
  EXPECT_GE(calls.back() - calls.front(), 13 * 200ms);
}

// With a server of its own, which it may stop.
class SchedulerAndDatabase : public SchedulerTest {
 protected:
  explicit SchedulerAndDatabase(std::unique_ptr<Cluster> own = std::make_unique<Cluster>())
      : SchedulerTest(*own), cluster(std::move(own)) {}

  std::unique_ptr<Cluster> cluster;
};

TEST_F(SchedulerAndDatabase, ADatabaseThatGoesAwayIsWaitedForAndNobodyHasFailed) {
  // One list is being staged when the server is killed, one is still awaited.
  add_customer("staged", "json", {.every = 24h});
  api.generate("staged", 1, 20'000);
  api.answer({.customer = "staged"}, {.gzip = simulator::Gzip::never, .hold_at = 3'600'000});
  add_customer("awaited", "json", {.every = 24h});
  api.generate("awaited", 2, 1000);
  api.answer({.customer = "awaited"}, {.hold_head = true});
  beside_scheduler([&](sync::Scheduler& scheduler, sync::Wakeup& happened) -> asio::awaitable<void> {
    while (api.counters().held < 2) co_await happened.wait(20ms);
    cluster->kill();
    api.release();
    scheduler.wake();
    while (count<sync::DatabaseLost>() < 1) co_await happened.wait(1s);
    cluster->start();
    while (count<sync::PollEnded>() < 2) co_await happened.wait(1s);
  });
  EXPECT_EQ(count<sync::DatabaseBack>(), count<sync::DatabaseLost>());
  EXPECT_EQ(count<sync::PollFailed>(), 0U);
  EXPECT_EQ(value("select sum(failures) || ' ' || count(claimed_by) || ' ' || sum(current_bounces) "
                  "from bounced.customers"),
            "0 0 21000");
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "21000");
}

}  // namespace
}  // namespace bounced::test
