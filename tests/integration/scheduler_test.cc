// SPDX-License-Identifier: Apache-2.0
// The daemon's loop: intervals, waking, stopping, and a database that goes away.
#include "sync/scheduler.h"

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
      co_await body(scheduler, happened);
      scheduler.stop();
      while (!ended) co_await happened.wait(1s);
      recorder.told = nullptr;
      if (broken) std::rethrow_exception(broken);
    });
  }

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

// With a server of its own, which it may stop.
class SchedulerAndDatabase : public SchedulerTest {
 protected:
  explicit SchedulerAndDatabase(std::unique_ptr<Cluster> own = std::make_unique<Cluster>())
      : SchedulerTest(*own), cluster(std::move(own)) {}

  std::unique_ptr<Cluster> cluster;
};

TEST_F(SchedulerAndDatabase, ADatabaseThatGoesAwayIsWaitedForAndNobodyHasFailed) {
  // One list is being staged when the server is killed, one is still awaited.
  add_customer("staged", "json", {.every = 1h});
  api.generate("staged", 1, 20'000);
  api.answer({.customer = "staged"}, {.gzip = simulator::Gzip::never, .hold_at = 3'600'000});
  add_customer("awaited", "json", {.every = 1h});
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
