// SPDX-License-Identifier: Apache-2.0
// The daemon: its polls, its stops, what it says.
#include <chrono>
#include <sstream>
#include <thread>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class Run : public Service {
 protected:
  // A daemon that has mirrored a@example.com once and polls it every hour.
  std::unique_ptr<Process> start_idle() {
    configure();
    auto daemon = start({"run"});
    daemon->wait_for_stderr("mirror changed customer=a@example.com");
    return daemon;
  }
  void poll_now() { execute(url(), "select bounced.poll_now('a@example.com')"); }
  std::string claimed() { return value("select count(*) from bounced.customers where claimed_by is not null"); }
};

TEST_F(Run, PollsEachCustomerAtItsInterval) {
  configure({.top = "polling: {every: 1s}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  ASSERT_TRUE(api.wait_for_calls(2));
  api.add("a@example.com", {.email = "new@example.org"});
  daemon->wait_for_stderr("mirror changed customer=a@example.com account=main poll=full received=2 added=1");
  EXPECT_EQ(current_bounces(), "2");
  const Ended ended = stop(*daemon);
  EXPECT_THAT(ended, AllOf(err_has("stopping; a second signal ends it at once signal=SIGTERM"), err_has("stopped\n")));
  EXPECT_EQ(claimed(), "0");
  EXPECT_EQ(value("select count(*) from bounced.daemons"), "0");
}

TEST_F(Run, IsWokenByPollNow) {
  const auto daemon = start_idle();
  wait_until(
      [&] {
        return value(
                   "select count(*) from pg_stat_activity where application_name = 'bounced run: listen' "
                   "and state = 'idle'") == "1";
      },
      "it listens");
  // Without being woken, each of them would take the five seconds after which the daemon looks by itself.
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i) {
    api.add("a@example.com", {.email = fmt::format("new{}@example.org", i)});
    poll_now();
    daemon->wait_for_stderr("mirror changed customer=a@example.com");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  stop(*daemon, SIGINT);
}

TEST_F(Run, StopsInGoodOrderWithMorePollsInFlightThanConnections) {
  std::string names;
  for (int i = 0; i < 16; ++i) {
    api.add(fmt::format("c{}", i), {.email = "x@example.org"});
    names += fmt::format("{}c{}", i > 0 ? ", " : "", i);
  }
  configure({.customers = "[" + names + "]", .account = "concurrency: 16", .top = "polling: {concurrency: 16}"});
  api.answer({.task = simulator::Task::list}, {.hold_head = true}, 16);
  const auto daemon = start({"run"});
  ASSERT_TRUE(api.wait_for_held(16));
  EXPECT_THAT(stop(*daemon), err_has("stopped\n"));
  EXPECT_EQ(claimed(), "0");
}

TEST_F(Run, StopsAtOnceThoughATurnIsFarAway) {
  api.add("b@example.com", {.email = "x@example.org"});
  configure({.customers = "[a@example.com, b@example.com]", .rate_limit = "1/1h", .top = "polling: {every: 1s}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed customer=");
  wait_until([&] { return claimed() == "1"; }, "the next poll waits for its turn");
  EXPECT_THAT(stop(*daemon), err_has("stopped\n"));
  EXPECT_EQ(claimed(), "0");
}

TEST_F(Run, EndsWhenItsNumberIsAnothersAndLeavesThatOneAlone) {
  const auto daemon = start_idle();
  execute(url(), "update bounced.daemons set host = 'elsewhere'");
  EXPECT_EQ(daemon->wait(), 1);
  EXPECT_THAT(daemon->stderr_text(),
              HasSubstr("to another one, after a failover that lost its row: start this one again"));
  EXPECT_EQ(value("select host from bounced.daemons"), "elsewhere");
}

TEST_F(Run, SaysWhoIsWhoInTheDatabase) {
  const auto daemon = start_idle();
  wait_until(
      [&] {
        return value(
                   "select string_agg(distinct application_name, ',' order by application_name) from "
                   "pg_stat_activity where datname = current_database() and application_name like "
                   "'bounced%'") == "bounced run: heartbeat,bounced run: listen,bounced run: work";
      },
      "all connections are there");
  stop(*daemon);
}

TEST_F(Run, AStopDuringAPollChangesNothing) {
  configure();
  run({"sync"});
  const auto mirror = [&] { return value("select string_agg(m::text, ',') from bounced.mirror m"); };
  const std::string before = mirror();
  api.add("a@example.com", {.email = "new@example.org"});
  for (const simulator::Answer& answer : {simulator::Answer{.hold_head = true}, simulator::Answer{.hold_at = 20}}) {
    api.answer({}, answer);
    const auto daemon = start({"run"});
    daemon->wait_for_stderr("started");
    poll_now();
    ASSERT_TRUE(api.wait_for_held(1));
    stop(*daemon, answer.hold_head ? SIGTERM : SIGINT);
    api.release();
    EXPECT_EQ(claimed(), "0");
    EXPECT_EQ(mirror(), before);
    EXPECT_EQ(value("select failures from bounced.customers"), "0");
  }
}

TEST_F(Run, WhatWasKilledIsTakenOver) {
  api.generate("a@example.com", 1, 20'000);
  const std::string all = std::to_string(api.size("a@example.com"));
  configure();
  api.set_gzip(simulator::Gzip::never);
  api.answer({}, {.hold_at = 4'000'000});  // more than is kept in memory: a part is staged
  auto killed = start({"run"});
  ASSERT_TRUE(api.wait_for_held(1));
  killed->signal(SIGKILL);
  EXPECT_THAT(end(*killed), ended_with(128 + SIGKILL));
  EXPECT_EQ(claimed(), "1");
  EXPECT_EQ(current_bounces(), "0");
  execute(url(), "update bounced.daemons set heartbeat = now() - interval '1 min'");  // it has been dead for a while
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed customer=a@example.com");
  EXPECT_EQ(value("select count(*) from (select distinct email, bounced_at from bounced.current_bounces) x"),
            current_bounces());
  EXPECT_EQ(value("select received from bounced.polls"), all);
  stop(*daemon);
}

// Holds the customers' rows locked.
class RowLock {
 public:
  explicit RowLock(const std::string& url)
      : url_(url), thread_([url] {
          try {
            execute(url, "do $$ begin perform from bounced.customers for update; perform pg_sleep(600); end $$");
          } catch (const std::exception&) {  // the lock is taken away
          }
        }) {
    wait_until([&] { return query_value(url_, "select count(*) " + sleeper) == "1"; }, "the rows are locked");
  }
  ~RowLock() {
    execute(url_, "select pg_terminate_backend(pid) " + sleeper);
    thread_.join();
  }
  RowLock(const RowLock&) = delete;
  RowLock& operator=(const RowLock&) = delete;

 private:
  inline static const std::string sleeper = "from pg_stat_activity where wait_event = 'PgSleep'";
  std::string url_;
  std::thread thread_;
};

TEST_F(Run, ASecondSignalEndsItAtOnce) {
  const auto daemon = start_idle();
  api.answer({}, {.hold_head = true});
  poll_now();
  ASSERT_TRUE(api.wait_for_held(1));
  const RowLock lock(url());  // the poll's claim cannot be given back
  daemon->signal(SIGTERM);
  daemon->wait_for_stderr("a second signal ends it at once");
  wait_until([&] { return value("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") != "0"; },
             "it waits for the row");
  EXPECT_TRUE(daemon->running());
  daemon->signal(SIGTERM);
  EXPECT_THAT(end(*daemon), ended_with(128 + SIGTERM));
}

TEST_F(Run, WrongCredentialsPauseTheirAccountAlone) {
  api.add_account("other", "right");
  write_key("other.key", "wrong");
  api.add("b@example.com", {.email = "y@example.org"});
  configure({.account = fmt::format("concurrency: 1\n  - name: other\n    user: other\n    key: {{file: other.key}}\n"
                                    "    base_url: {}\n    ca_file: {}\n    customers: [b@example.com, c@example.com]",
                                    api.base_url(), api.ca_file()),
             .top = "polling: {every: 1s}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("account paused account=other kind=credentials");
  daemon->wait_for_stderr("mirror unchanged customer=a@example.com");
  EXPECT_THAT(run({"status"}), AllOf(out_has("0 failing"), out_has("Paused accounts"), out_has("\nother ")));
  stop(*daemon);
}

TEST_F(Run, StatementsThatTheDatabaseRefusesAreToldAndTriedAgain) {
  const auto daemon = start_idle();
  execute(url(), "alter table bounced.mirror rename to moved");
  poll_now();
  daemon->wait_for_stderr("poll failed customer=a@example.com account=main poll=full kind=internal");
  execute(url(), "alter table bounced.moved rename to mirror; alter table bounced.customers rename to moved");
  execute(url(), "notify bounced_polls");
  daemon->wait_for_stderr("the database refuses work work=schedule");
  execute(url(), "alter table bounced.moved rename to customers");
  daemon->wait_for_stderr("customer recovered customer=a@example.com");
  stop(*daemon);
}

TEST_F(Run, CustomersThatLeaveTheConfigurationBecomeInactive) {
  api.add("b@example.com", {.email = "y@example.org"});
  configure({.customers = "[a@example.com, b@example.com]"});
  run({"sync"});
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("customers left the configuration customers=1");
  EXPECT_EQ(value("select string_agg(name, ',') from bounced.customers where active"), "a@example.com");
  stop(*daemon);
}

TEST_F(Run, JsonLogsAreJsonLineByLine) {
  configure({.log = "{level: debug, format: json}"});
  api.answer({}, {.body = R"({"error":"line one\nline \"two\" \u001b[31m"})"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("poll failed");
  const Ended ended = stop(*daemon);
  std::istringstream lines(ended.err);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_NE(value("select $json$" + line + "$json$::jsonb ->> 'message'"), "null") << line;
  }
}

TEST_F(Run, NobodyShowsTheKey) {
  // Service checks what it prints. A server may repeat what it was sent.
  api.answer({}, {.body = fmt::format(R"({{"error":"wrong call: api_user=user&api_key={}"}})", key)});
  configure({.account = "method: get"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("poll failed");
  EXPECT_THAT(run({"status", "--json"}), ended_with(0));
  stop(*daemon);
  EXPECT_EQ(value(fmt::format("select count(*) from (select c::text from bounced.customers c union all "
                              "select p::text from bounced.polls p union all select a::text from bounced.accounts a) "
                              "as t (row) where row like '%{}%'",
                              key)),
            "0");
  EXPECT_EQ(value("select count(*) from bounced.polls where error like '%wrong call%'"), "1");
}

}  // namespace
}  // namespace bounced::test
