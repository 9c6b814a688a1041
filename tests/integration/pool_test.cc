// SPDX-License-Identifier: Apache-2.0
// The bridge between coroutines and blocking database calls. No HTTP here: this runs under ThreadSanitizer too.
#include "db/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <future>

#include "db/session.h"
#include "tests/support/cluster.h"
#include "tests/support/run.h"

namespace asio = boost::asio;

namespace bounced::db {
namespace {

using asio::awaitable;
using test::Cluster;
using testing::HasSubstr;

Options options_for(const std::string& url) {
  return {.url = url, .application = "bounced test: work"};
}

int backend_pid(Session& session) {
  return session.in_transaction([](pqxx::work& tx) { return exec_row(tx, "select pg_backend_pid()")[0].as<int>(); });
}

void terminate(const std::string& url, int pid) {
  // With a timeout it waits until the backend has gone.
  test::execute(url, "select pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
}

// Spawns a coroutine that can be cancelled, and tells how it ended.
struct Spawned {
  asio::cancellation_signal cancel;
  bool ended = false;
  std::exception_ptr error;
};

void spawn(asio::any_io_executor io, Spawned& spawned, awaitable<void> body) {
  asio::co_spawn(io, std::move(body),
                 asio::bind_cancellation_slot(spawned.cancel.slot(), [&spawned](std::exception_ptr error) {
                   spawned.ended = true;
                   spawned.error = error;
                 }));
}

// Lets everything run that can run without waiting.
awaitable<void> settle(asio::any_io_executor io) {
  for (int i = 0; i < 10; ++i) co_await asio::post(io, asio::use_awaitable);
}

class PoolTest : public testing::Test {
 protected:
  Cluster& cluster = Cluster::shared();
  const std::string url = cluster.create_database(Cluster::Schema::none);
};

TEST_F(PoolTest, GivesResultsOnTheIoThread) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 2);
    const auto io_thread = std::this_thread::get_id();
    std::thread::id work_thread;
    auto work = [&](Session& session) {
      work_thread = std::this_thread::get_id();
      return session.in_transaction(
          [](pqxx::work& tx) { return exec_row(tx, "select $1 || 'b'", "a")[0].as<std::string>(); });
    };
    const std::string result = co_await pool.run(work);
    EXPECT_EQ(result, "ab");
    EXPECT_EQ(std::this_thread::get_id(), io_thread);
    EXPECT_NE(work_thread, io_thread);
  });
}

TEST_F(PoolTest, GivesExceptions) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    std::string text;
    std::string state;
    try {
      auto work = [](Session& session) { session.in_transaction([](pqxx::work& tx) { exec(tx, "select 1/0"); }); };
      co_await pool.run(work);
    } catch (const SqlError& e) {
      text = e.what();
      state = e.sqlstate();
    }
    EXPECT_EQ(state, "22012");
    EXPECT_THAT(text, HasSubstr("division by zero (in: select 1/0)"));
    // The session is still good.
    const int one = co_await pool.run([](Session& session) {
      return session.in_transaction([](pqxx::work& tx) { return exec_row(tx, "select 1")[0].as<int>(); });
    });
    EXPECT_EQ(one, 1);
  });
}

TEST_F(PoolTest, RunsManyWorksOnFewConnections) {
  test::execute(url, "create table numbers (n int)");
  constexpr int works = 200;
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 4);
    asio::steady_timer all_ended(io, std::chrono::steady_clock::time_point::max());
    int ended = 0;
    auto one = [&](int n) -> awaitable<void> {
      co_await pool.run([n](Session& session) {
        session.in_transaction([n](pqxx::work& tx) { exec(tx, "insert into numbers values ($1)", n); });
      });
      if (++ended == works) all_ended.cancel();
    };
    for (int n = 0; n < works; ++n) asio::co_spawn(io, one(n), asio::detached);
    boost::system::error_code ignored;
    co_await all_ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  });
  EXPECT_EQ(test::query_value(url, "select count(distinct n) from numbers"), std::to_string(works));
}

TEST_F(PoolTest, ALeaseKeepsItsSession) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    // Renewed at once whenever it may be.
    Pool pool(io, options_for(url), 2, std::chrono::seconds(0));
    Pool::Lease lease = co_await pool.lease();
    co_await lease.run([](Session& session) {
      session.in_transaction([](pqxx::work& tx) { exec(tx, "create temp table mine as select 7 as n"); });
    });
    const int other = co_await pool.run(backend_pid);
    const int n = co_await lease.run([](Session& session) {
      return session.in_transaction([](pqxx::work& tx) { return exec_row(tx, "select n from mine")[0].as<int>(); });
    });
    EXPECT_EQ(n, 7);
    const int mine = co_await lease.run(backend_pid);
    EXPECT_NE(mine, other);
  });
}

TEST_F(PoolTest, RenewsOldSessionsBetweenUses) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool young(io, options_for(url), 1);
    const int first = co_await young.run(backend_pid);
    const int second = co_await young.run(backend_pid);
    EXPECT_EQ(first, second);
    Pool old(io, options_for(url), 1, std::chrono::seconds(0));
    const int third = co_await old.run(backend_pid);
    // An idle one is closed without waiting for its next use.
    test::wait_until(
        [&] {
          return test::query_value(url, "select count(*) from pg_stat_activity where pid = " + std::to_string(third)) ==
                 "0";
        },
        "the old session is closed");
    const int fourth = co_await old.run(backend_pid);
    EXPECT_NE(third, fourth);
  });
}

TEST_F(PoolTest, WaitsInOrderAndCanBeCancelledThere) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    std::optional<Pool::Lease> held = co_await pool.lease();
    std::vector<int> order;
    std::array<Spawned, 3> waiting;
    auto wait_for_lease = [&](int n) -> awaitable<void> {
      Pool::Lease lease = co_await pool.lease();
      order.push_back(n);
    };
    for (int n = 0; n < 3; ++n) spawn(io, waiting[static_cast<std::size_t>(n)], wait_for_lease(n));
    co_await settle(io);
    EXPECT_THAT(order, testing::IsEmpty());
    waiting[1].cancel.emit(asio::cancellation_type::terminal);
    co_await settle(io);
    EXPECT_TRUE(waiting[1].ended);
    EXPECT_TRUE(waiting[1].error);
    held.reset();
    co_await settle(io);
    EXPECT_THAT(order, testing::ElementsAre(0, 2));
    EXPECT_FALSE(waiting[0].error || waiting[2].error);
  });
}

TEST_F(PoolTest, AConnectionIsNotLostWhenItsNextUserIsCancelledAtThatMoment) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    std::optional<Pool::Lease> held = co_await pool.lease();
    Spawned waiting;
    auto wait_for_work = [&]() -> awaitable<void> { co_await pool.run(backend_pid); };
    spawn(io, waiting, wait_for_work());
    co_await settle(io);
    held.reset();  // lets it in
    waiting.cancel.emit(asio::cancellation_type::terminal);
    co_await settle(io);
    EXPECT_TRUE(waiting.error);
    EXPECT_GT(co_await pool.run(backend_pid), 0);
  });
}

TEST_F(PoolTest, StartedWorkGivesItsResultToACancelledCoroutine) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    Spawned working;
    std::promise<void> started;
    std::promise<void> may_end;
    int result = 0;
    asio::steady_timer ended(io, std::chrono::steady_clock::time_point::max());
    auto work = [&]() -> awaitable<void> {
      result = co_await pool.run([&](Session& session) {
        started.set_value();
        may_end.get_future().wait();
        return backend_pid(session);
      });
      ended.cancel();
    };
    spawn(io, working, work());
    co_await settle(io);
    started.get_future().wait();
    working.cancel.emit(asio::cancellation_type::terminal);
    co_await settle(io);
    EXPECT_FALSE(working.ended);
    may_end.set_value();
    boost::system::error_code ignored;
    co_await ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    EXPECT_GT(result, 0);
  });
}

TEST_F(PoolTest, HalfOfTheConnectionsStage) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 4);
    std::vector<Pool::Lease> staging;
    staging.push_back(co_await pool.staging_lease());
    staging.push_back(co_await pool.staging_lease());
    Spawned third;
    auto wait_for_third = [&]() -> awaitable<void> { staging.push_back(co_await pool.staging_lease()); };
    spawn(io, third, wait_for_third());
    co_await settle(io);
    EXPECT_FALSE(third.ended);
    // Who waits for the right to stage holds no connection.
    std::optional<Pool::Lease> one = co_await pool.lease();
    std::optional<Pool::Lease> two = co_await pool.lease();
    staging.pop_back();
    co_await settle(io);
    EXPECT_TRUE(third.ended);
    EXPECT_FALSE(third.error);
    EXPECT_EQ(staging.size(), 2u);
  });
}

TEST_F(PoolTest, ASessionThatEndsInTheMiddleIsToldOnce) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    Pool::Lease lease = co_await pool.lease();
    int pid = 0;
    std::string text;
    try {
      co_await lease.run([&](Session& session) {
        session.in_transaction([&](pqxx::work& tx) {
          pid = exec_row(tx, "select pg_backend_pid()")[0].as<int>();
          terminate(url, pid);
          exec(tx, "select 1");
        });
      });
    } catch (const Unavailable& e) {
      text = e.what();
    }
    EXPECT_THAT(text, HasSubstr("connection"));
    EXPECT_NE(co_await lease.run(backend_pid), pid);
  });
}

TEST_F(PoolTest, ASessionThatEndsInACommitIsInDoubt) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    bool in_doubt = false;
    try {
      co_await pool.run([&](Session& session) {
        session.in_transaction(
            [&](pqxx::work& tx) { terminate(url, exec_row(tx, "select pg_backend_pid()")[0].as<int>()); });
      });
    } catch (const InDoubt&) {
      in_doubt = true;
    }
    EXPECT_TRUE(in_doubt);
  });
}

TEST_F(PoolTest, ASessionThatEndedBetweenUsesIsToldToItsLeaseOnly) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    {
      Pool::Lease lease = co_await pool.lease();
      const int pid = co_await lease.run(backend_pid);
      terminate(url, pid);
      std::string text;
      try {
        co_await lease.run(backend_pid);
      } catch (const Unavailable& e) {
        text = e.what();
      }
      EXPECT_THAT(text, HasSubstr("between two uses"));
      EXPECT_NE(co_await lease.run(backend_pid), pid);
    }
    const int pid = co_await pool.run(backend_pid);
    terminate(url, pid);
    EXPECT_NE(co_await pool.run(backend_pid), pid);  // nobody relied on the old one
  });
}

TEST_F(PoolTest, GoesOnAfterTheServerWasAway) {
  Cluster own;
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(own.url()), 1);
    co_await pool.run(backend_pid);
    own.kill();
    bool unavailable = false;
    try {
      co_await pool.run(backend_pid);
    } catch (const Unavailable&) {
      unavailable = true;
    }
    EXPECT_TRUE(unavailable);
    own.start();
    EXPECT_GT(co_await pool.run(backend_pid), 0);
  });
}

TEST_F(PoolTest, LeavesAServerThatTurnedReadOnly) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Pool pool(io, options_for(url), 1);
    int pid = 0;
    bool unavailable = false;
    try {
      co_await pool.run([&](Session& session) {
        session.in_transaction([&](pqxx::work& tx) {
          pid = exec_row(tx, "select pg_backend_pid()")[0].as<int>();
          exec(tx, "set transaction read only; create table t (n int)");
        });
      });
    } catch (const Unavailable&) {
      unavailable = true;
    }
    EXPECT_TRUE(unavailable);
    EXPECT_NE(co_await pool.run(backend_pid), pid);
  });
}

TEST_F(PoolTest, EndsWhileWorkRunsAndOthersWait) {
  asio::io_context io(1);
  auto pool = std::make_unique<Pool>(io.get_executor(), options_for(url), 1);
  int result = 0;
  std::promise<void> started;
  auto work = [&]() -> awaitable<void> {
    result = co_await pool->run([&](Session& session) {
      started.set_value();
      return session.in_transaction(
          [](pqxx::work& tx) { return exec_row(tx, "select 1 from pg_sleep(0.2)")[0].as<int>(); });
    });
  };
  std::exception_ptr working;
  std::exception_ptr waiting;
  auto wait_for_lease = [&]() -> awaitable<void> { co_await pool->lease(); };
  asio::co_spawn(io, work(), [&](std::exception_ptr e) { working = e; });
  asio::co_spawn(io, wait_for_lease(), [&](std::exception_ptr e) { waiting = e; });
  io.poll();
  started.get_future().wait();
  pool.reset();
  io.run_for(test::hang);
  EXPECT_FALSE(working);
  EXPECT_EQ(result, 1);
  EXPECT_THROW(std::rethrow_exception(waiting), boost::system::system_error);
}

TEST_F(PoolTest, CoroutinesThatNeverResumeLeaveNothingBehind) {
  // As when the program ends by an exception: the pool goes, then the io_context with all that waited in it.
  asio::io_context io(1);
  Pool pool(io.get_executor(), options_for(url), 1);
  auto work = [&]() -> awaitable<void> { co_await pool.run(backend_pid); };
  for (int i = 0; i < 3; ++i) asio::co_spawn(io, work(), asio::detached);
  io.poll();
}

}  // namespace
}  // namespace bounced::db
