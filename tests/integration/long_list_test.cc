// SPDX-License-Identifier: Apache-2.0
// Lists that are too long to be kept in memory, and what may happen in the middle of one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "db/pqxx_compat.h"
#include "db/session.h"
#include "tests/integration/poll_fixture.h"
#include "tests/support/standstill.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using simulator::Gzip;
using sync::PollResult;
using End = PollResult::End;

class LongList : public PollTest {
 protected:
  explicit LongList(Cluster& cluster = Cluster::shared()) : PollTest(cluster) { api.set_gzip(Gzip::never); }

  void add_list(const std::string& name, std::uint64_t count) {
    add_customer(name);
    api.generate(name, 1, count);
  }

  [[nodiscard]] std::size_t rows_read() const {
    std::size_t rows = 0;
    for (const auto& progress : recorder.of<sync::ListProgress>()) rows += progress.more_entries;
    return rows;
  }

  // One poll of the customer in the background.
  struct Running {
    Running(Daemon& daemon, const std::string& customer) : wakeup(daemon.io) {
      asio::co_spawn(daemon.io, daemon.poll(customer),
                     asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr error, PollResult ended) {
                       EXPECT_FALSE(error);
                       result = std::move(ended);
                       wakeup.wake();
                     }));
    }
    asio::awaitable<PollResult> end() {
      while (!result) co_await wakeup.wait(1min);
      co_return *result;
    }
    // Until the condition holds, which nothing else tells of.
    template <class Condition>
    asio::awaitable<void> until(Condition condition) {
      while (!condition()) co_await wakeup.wait(5ms);
    }
    void cancel() { signal.emit(asio::cancellation_type::terminal); }

    sync::Wakeup wakeup;
    asio::cancellation_signal signal;
    std::optional<PollResult> result;
  };

  // Files without a name that this process has open.
  static int spools() {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
      if (target.find("/#") != target.npos && target.ends_with("(deleted)")) ++count;
    }
    return count;
  }
};

TEST_F(LongList, IsStagedWhileItArrives) {
  add_list("long", 20'000);
  ASSERT_EQ(poll("long").end, End::merged);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "20000");
  EXPECT_GT(std::stol(value("select bytes from bounced.polls")), 4'000'000);
  api.remove_some("long", 10);
  api.add_some("long", 5);
  ASSERT_EQ(poll("long").end, End::merged);
  EXPECT_EQ(value("select added || ' ' || changed || ' ' || superseded + disappeared from bounced.polls "
                  "order by poll_id desc limit 1"),
            "5 0 10");
}

// Nothing of it goes to the database, and what comes after that is merged all the same.
TEST_F(LongList, ThatIsTheSameIsNotStaged) {
  add_list("long", 20'000);
  poll("long");
  const std::string merged_at = value("select list_merged_at from bounced.customers");
  const std::string before = mirror();
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    EXPECT_EQ((co_await daemon.poll("long")).end, End::merged);
    co_await daemon.pool.run([](db::Session& session) {
      session.in_transaction([](pqxx::work& tx) {
        EXPECT_EQ(db::exec_row(tx, "select to_regclass('pg_temp.staged_long') is null")[0].as<bool>(), true);
      });
    });
  });
  EXPECT_EQ(mirror(), before);
  EXPECT_EQ(value("select list_merged_at from bounced.customers"), merged_at);
  EXPECT_EQ(value("select last_full_at > list_merged_at from bounced.customers"), "t");
  test::execute(url, "delete from bounced.mirror where bounce_id % 1000 = 0");
  poll("long");
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "20000");
}

TEST_F(LongList, SlowOnesDoNotKeepOthersFromTheDatabase) {
  const std::vector<std::string> slow = {"slow1", "slow2", "slow3"};
  for (const auto& name : slow) {
    add_list(name, 20'000);
    // More than is kept in memory has come, and then nothing.
    api.answer({.customer = name}, {.hold_at = 3'600'000});
  }
  add_customer("quick");
  api.generate("quick", 1, 1);
  with_daemon(
      [&](Daemon& daemon) -> asio::awaitable<void> {
        int ended = 0;
        for (const auto& name : slow) {
          asio::co_spawn(daemon.io, daemon.poll(name), [&ended](std::exception_ptr error, PollResult result) {
            EXPECT_FALSE(error);
            EXPECT_EQ(result.end, End::merged);
            ++ended;
          });
        }
        sync::Wakeup wakeup(daemon.io);
        recorder.told = [&] { wakeup.wake(); };
        while (api.counters().held < 1) co_await wakeup.wait(std::chrono::milliseconds(20));
        EXPECT_EQ((co_await daemon.poll("quick")).end, End::merged);
        EXPECT_EQ(ended, 0);
        while (ended < 3) {
          api.release();
          co_await wakeup.wait(std::chrono::milliseconds(20));
        }
        recorder.told = nullptr;
      },
      /*connections=*/2);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "60001");
}

// A database that is slower than the API holds up the reading: what is in memory does not grow.
TEST_F(LongList, ASlowDatabaseHoldsUpTheReading) {
  constexpr std::size_t count = 100'000;  // 24 MB
  add_list("long", count);
  api.answer({}, {.hold_at = 10'000'000});
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    Running poll(daemon, "long");
    co_await poll.until([&] { return api.counters().held == 1; });
    {
      const test::Standstill database(url, "application_name = 'test'");
      api.release();
      // It would come to the list's end now, if it were not held up.
      std::size_t before = 0;
      for (int still = 0; still < 50; still = rows_read() == before ? still + 1 : 0) {
        before = rows_read();
        co_await poll.wakeup.wait(20ms);
      }
      EXPECT_LT(rows_read(), count * 3 / 4);
      EXPECT_FALSE(poll.result);
    }
    const PollResult result = co_await poll.end();
    EXPECT_EQ(result.end, End::merged);
  });
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), std::to_string(count));
}

// What is being copied ends first; nothing of the list is merged, now or by the next poll.
TEST_F(LongList, ACancelledPollWaitsForTheDatabaseAndLeavesNothing) {
  add_list("long", 100'000);
  api.answer({}, {.hold_at = 10'000'000});
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    {
      Running poll(daemon, "long");
      co_await poll.until([&] {
        return api.counters().held == 1 && value(
                                               "select count(*) from pg_stat_activity where application_name = 'test' "
                                               "and state = 'active' and datname = current_database() and "
                                               "pid <> pg_backend_pid()") == "0";
      });
      {
        const test::Standstill database(url, "application_name = 'test'");
        api.release();
        // At the end of a part of some 14,000 rows copying begins; as many again are read meanwhile.
        const std::size_t held_at = rows_read();
        co_await poll.until([&] { return rows_read() > held_at + 10'000; });
        poll.cancel();
      }
      const PollResult result = co_await poll.end();
      EXPECT_EQ(result.end, End::stopped);
    }
    EXPECT_EQ(value("select count(*) from bounced.mirror"), "0");
    EXPECT_EQ(value("select claimed_by is null and failures = 0 from bounced.customers"), "t");
    api.clear("long");
    api.generate("long", 2, 30'000);
    const PollResult result = co_await daemon.poll("long");
    EXPECT_EQ(result.end, End::merged);
  });
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "30000");
}

TEST_F(LongList, ThatWaitsInAFileLeavesNoneWhenThePollIsCancelled) {
  add_list("long", 30'000);
  poll("long");
  const std::string before = mirror();
  const int spools_before = spools();
  api.add_some("long", 5);
  api.answer({}, {.hold_at = 6'000'000});
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    Running poll(daemon, "long");
    co_await poll.until([&] { return api.counters().held == 1 && spools() > spools_before; });
    poll.cancel();
    const PollResult result = co_await poll.end();
    EXPECT_EQ(result.end, End::stopped);
  });
  EXPECT_EQ(spools(), spools_before);
  EXPECT_EQ(mirror(), before);
  EXPECT_EQ(value("select claimed_by is null and failures = 0 from bounced.customers"), "t");
}

// The customer's poll fails, in words; nothing is changed, and the next one goes well.
TEST_F(LongList, AFullDiskIsThePollsFailure) {
  add_list("long", 30'000);
  poll("long");
  const std::string before = mirror();
  api.add_some("long", 5);
  rlimit kept{};
  getrlimit(RLIMIT_FSIZE, &kept);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit little = kept;
  little.rlim_cur = 2'000'000;
  setrlimit(RLIMIT_FSIZE, &little);
  const PollResult result = poll("long");
  setrlimit(RLIMIT_FSIZE, &kept);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(result.end, End::failed);
  EXPECT_THAT(result.message, testing::HasSubstr("temporary file"));
  EXPECT_EQ(mirror(), before);
  EXPECT_EQ(poll("long").end, End::merged);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "30005");
}

struct OwnCluster {
  Cluster own;
};

// With a server of its own, which dies. That is nobody's failure, and the next poll finds all that there is.
class LongListAndCrash : OwnCluster, public LongList {
 protected:
  LongListAndCrash() : LongList(own) {}

  // The server dies, the poll ends, and another one goes well.
  asio::awaitable<void> crash(Daemon& daemon, Running& poll, const std::function<void()>& go_on) {
    own.kill();
    go_on();
    PollResult result = co_await poll.end();
    EXPECT_EQ(result.end, End::database_lost);
    own.start();
    EXPECT_EQ(value("select failures from bounced.customers"), "0");
    result = co_await daemon.poll("long");
    EXPECT_EQ(result.end, End::merged);
  }
};

TEST_F(LongListAndCrash, WhileItIsStaged) {
  add_list("long", 50'000);
  api.answer({}, {.hold_at = 10'000'000});
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    Running poll(daemon, "long");
    co_await poll.until([&] { return api.counters().held == 1; });
    co_await crash(daemon, poll, [&] { api.release(); });
  });
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "50000");
}

TEST_F(LongListAndCrash, WhileItIsComparedWithWhatIsCurrent) {
  add_list("long", 50'000);
  poll("long");
  api.remove_some("long", 10);
  api.add_some("long", 5);
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    pqxx::connection other(url);
    pqxx::work lock(other);
    lock.exec("lock table bounced.mirror");  // the current bounces cannot be read
    Running poll(daemon, "long");
    co_await poll.until([&] {
      return value("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'COPY (%'") ==
             "1";
    });
    co_await crash(daemon, poll, [] {});
  });
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "49995");
  EXPECT_EQ(value("select count(*) from bounced.mirror where gone_because = 'disappeared'"), "10");
}

}  // namespace
}  // namespace bounced::test
