// SPDX-License-Identifier: Apache-2.0
// A database that is there and refuses statements: what meets it fails visibly and is tried again with growing pauses,
// and nothing else is held up.
#include <chrono>
#include <string>

#include "sync/scheduler.h"
#include "tests/integration/deletions_fixture.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class RefusalTest : public DeletionsTest {
 protected:
  // For all rows, or those of which the condition is true.
  void deny(const std::string& table, const std::string& event, const std::string& condition = "true") const {
    execute(url, fmt::format("create or replace function denied() returns trigger language plpgsql as $$ begin "
                             "raise exception 'denied' using errcode = '53100'; end $$; "
                             "create trigger denied before {} on {} for each row when ({}) execute function denied()",
                             event, table, condition));
  }
  void allow(const std::string& table) const { execute(url, "drop trigger denied on " + table); }

  template <class Body>
  void beside_scheduler(Body body) {
    with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
      sync::Scheduler scheduler(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling);
      sync::Wakeup happened(daemon.io);
      recorder.told = [&] { happened.wake(); };
      bool ended = false;
      asio::co_spawn(daemon.io, scheduler.run(), [&](const std::exception_ptr& error) {
        EXPECT_FALSE(error);
        ended = true;
        happened.wake();
      });
      co_await body(happened);
      scheduler.stop();
      while (!ended) co_await happened.wait(1s);
      recorder.told = nullptr;
    });
  }
  std::size_t calls_of(const std::string& customer) const {
    std::size_t count = 0;
    for (const auto& call : api.calls()) count += call.customer() == customer ? 1 : 0;
    return count;
  }
};

TEST_F(RefusalTest, APollThatTheDatabaseRefusesFailsVisiblyAndIsNotPolledInALoop) {
  PollTest::add_customer("c", "json", {.every = 1s});
  api.generate("c", 1, 10);
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  deny("bounced.mirror", "insert");
  beside_scheduler([&](sync::Wakeup& happened) -> asio::awaitable<void> {
    while (recorder.of<sync::PollFailed>().empty()) co_await happened.wait(1s);
    sync::Wakeup while_waiting(co_await asio::this_coro::executor);
    co_await while_waiting.wait(2s);
  });
  EXPECT_THAT(recorder.of<sync::PollFailed>()[0].message, HasSubstr("denied"));
  EXPECT_EQ(value("select failures from bounced.customers"), "1");
  EXPECT_EQ(calls_of("c"), 1U);
  EXPECT_TRUE(recorder.of<sync::DatabaseLost>().empty());
}

TEST_F(RefusalTest, AFailureThatCannotBeNotedIsKeptInMind) {
  PollTest::add_customer("c", "json", {.every = 1s});
  api.generate("c", 1, 10);
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  deny("bounced.mirror", "insert");
  deny("bounced.polls", "insert");
  beside_scheduler([&](sync::Wakeup& happened) -> asio::awaitable<void> {
    while (recorder.of<sync::PollFailed>().empty()) co_await happened.wait(1s);
    sync::Wakeup while_waiting(co_await asio::this_coro::executor);
    co_await while_waiting.wait(2s);
  });
  EXPECT_EQ(recorder.of<sync::PollFailed>().size(), 1U);
  EXPECT_EQ(calls_of("c"), 1U);
}

// Whatever is polled would be read in vain.
TEST_F(RefusalTest, ManyRefusalsPutTheBrakeOn) {
  for (int i = 0; i < 30; ++i) {
    PollTest::add_customer(fmt::format("c{}", i), "json", {.every = 1s});
    api.generate(fmt::format("c{}", i), 1, 10);
  }
  config.polling.concurrency = 2;
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  deny("bounced.mirror", "insert");
  beside_scheduler([&](sync::Wakeup& happened) -> asio::awaitable<void> {
    while (recorder.of<sync::WorkRefused>().empty()) co_await happened.wait(1s);
    sync::Wakeup while_waiting(co_await asio::this_coro::executor);
    co_await while_waiting.wait(1s);
    EXPECT_LE(api.calls().size(), 8U);
    allow("bounced.mirror");
    while (recorder.of<sync::WorkAccepted>().empty()) co_await happened.wait(1s);
  });
  EXPECT_EQ(recorder.of<sync::WorkRefused>()[0].loop, "polls");
}

// A long poll that was under way before does not keep the others from finding out that all is well again.
TEST_F(RefusalTest, ALongPollDoesNotKeepTheBrakeOn) {
  PollTest::add_customer("long", "json", {.every = 1h});
  for (int i = 0; i < 10; ++i) PollTest::add_customer(fmt::format("c{}", i), "json", {.every = 1s});
  for (int i = 0; i < 10; ++i) api.generate(fmt::format("c{}", i), 1, 10);
  api.answer({.customer = "long"}, {.hold_head = true});
  config.polling.concurrency = 3;
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  deny("bounced.mirror", "insert");
  execute(url, "update bounced.customers set next_poll_at = now() - interval '1 day' where name = 'long'");
  beside_scheduler([&](sync::Wakeup& happened) -> asio::awaitable<void> {
    while (recorder.of<sync::WorkRefused>().empty()) co_await happened.wait(1s);
    EXPECT_EQ(api.counters().held, 1U);
    allow("bounced.mirror");
    while (recorder.of<sync::WorkAccepted>().empty()) co_await happened.wait(1s);
    EXPECT_EQ(api.counters().held, 1U);
    api.release();
  });
}

// Its claims work, so that nothing else notices.
TEST_F(RefusalTest, AListThatBreaksEverySessionIsToldAndNotPolledInALoop) {
  PollTest::add_customer("c", "json", {.every = 1s});
  api.generate("c", 1, 10);
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  execute(url,
          "create function broken() returns trigger language plpgsql as $$ begin "
          "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(10); return new; end $$; "
          "create trigger broken before insert on bounced.mirror for each row execute function broken()");
  beside_scheduler([&](sync::Wakeup& happened) -> asio::awaitable<void> {
    while (recorder.of<sync::PollFailed>().empty()) co_await happened.wait(1s);
    sync::Wakeup while_waiting(co_await asio::this_coro::executor);
    co_await while_waiting.wait(2s);
  });
  EXPECT_EQ(recorder.of<sync::PollFailed>().size(), 1U);
  EXPECT_LE(calls_of("c"), 2U);
}

TEST_F(RefusalTest, AScheduleThatMayNotClaimSaysSoAndGoesOnWhenItMay) {
  PollTest::add_customer("c", "json", {.every = 1s});
  with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  execute(url, "alter table bounced.poll_requests rename to elsewhere");
  beside_scheduler([&](sync::Wakeup& happened) -> asio::awaitable<void> {
    while (recorder.of<sync::WorkRefused>().empty()) co_await happened.wait(1s);
    execute(url, "alter table bounced.elsewhere rename to poll_requests");
    while (recorder.of<sync::WorkAccepted>().empty()) co_await happened.wait(1s);
  });
  EXPECT_EQ(recorder.of<sync::WorkRefused>()[0].loop, "schedule");
}

TEST_F(RefusalTest, EndsThatTheDatabaseRefusesHoldUpTheirCustomerAlone) {
  add_customer("refused");
  add_customer("good");
  queue_many("refused", 50);
  queue_many("good", 50);
  const std::string refused = value("select customer_id from bounced.customers where name = 'refused'");
  deny("bounced.deletion_history", "insert", fmt::format("new.customer_id = {}", refused));
  beside_deletions([&](sync::Deletions&, sync::Wakeup& happened, Daemon&) -> asio::awaitable<void> {
    while (count_of("done") != "50" || recorder.of<sync::WorkRefused>().size() < 2) co_await happened.wait(100ms);
    const std::size_t calls = calls_of("refused");
    EXPECT_LT(calls, 50U);
    while (recorder.of<sync::WorkRefused>().size() < 4) co_await happened.wait(1s);
    EXPECT_EQ(calls_of("refused"), calls);  // whose ends could not be written either
    allow("bounced.deletion_history");
    while (count_of("done") != "100") co_await happened.wait(100ms);
  });
  EXPECT_EQ(recorder.of<sync::WorkAccepted>().size(), 1U);
  EXPECT_EQ(calls_of("refused"), 50U);
}

TEST_F(RefusalTest, AStopTriesRefusedEndsOnceMore) {
  add_customer("c");
  queue_many("c", 3);
  deny("bounced.deletion_history", "insert", "new.state = 'done'");
  beside_deletions([&](sync::Deletions&, sync::Wakeup& happened, Daemon&) -> asio::awaitable<void> {
    while (recorder.of<sync::WorkRefused>().size() < 4) co_await happened.wait(100ms);
    allow("bounced.deletion_history");
  });
  EXPECT_EQ(count_of("sending"), "0");
  EXPECT_NE(count_of("done"), "0");
}

TEST_F(RefusalTest, ASyncWhoseEndsAreRefusedEndsAndSaysSo) {
  add_customer("c");
  queue("c", "x@example.org");
  deny("bounced.deletion_history", "insert", "new.state = 'done'");
  EXPECT_THAT([&] { drain(); }, testing::ThrowsMessage<std::exception>(HasSubstr("denied")));
}

}  // namespace
}  // namespace bounced::test
