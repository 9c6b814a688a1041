// SPDX-License-Identifier: Apache-2.0
// Several daemons on one database: who is alive, who has which customers, who shares what.
#include "db/daemons.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <vector>

#include "db/accounts.h"
#include "db/claims.h"
#include "db/customers.h"
#include "db/pqxx_compat.h"
#include "db/session.h"
#include "tests/support/cluster.h"

namespace bounced::db {
namespace {

using namespace std::chrono_literals;
using test::execute;
using test::query_value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Daemons : public testing::Test {
 protected:
  explicit Daemons(test::Cluster& cluster = test::Cluster::shared()) : url(cluster.create_database()) {}

  std::int64_t start(const std::string& host) { return start_daemon(session, facts(host)); }
  static DaemonFacts facts(const std::string& host) { return {.host = host, .pid = 1, .version = "1"}; }

  static CustomerSettings customer(const std::string& name, std::chrono::seconds every = 5min,
                                   const std::string& account = "main") {
    return {.name = name, .account = account, .time_zone = "UTC", .every = every, .full_every = 24h, .recent_days = 0};
  }
  Registered enter(std::int64_t daemon, const std::vector<CustomerSettings>& customers,
                   Existing existing = Existing::keep_if_relied_on) {
    return register_configuration(session, daemon, {{{"main", "v2"}, {"other", "v2"}}, customers}, existing);
  }
  void dies(std::int64_t daemon) {
    execute(url,
            fmt::format("update bounced.daemons set heartbeat = now() - interval '21 s' where daemon_id = {}", daemon));
  }
  std::string active() {
    return value("select coalesce(string_agg(name, ' ' order by name), '') from bounced.customers where active");
  }
  std::string every(const std::string& name) {
    return value(fmt::format("select poll_every from bounced.customers where name = '{}'", name));
  }
  std::string alive() {
    return value("select coalesce(string_agg(host, ' ' order by daemon_id), '') from bounced.live_daemons");
  }
  std::string value(const std::string& sql) const { return query_value(url, sql); }

  std::string url;
  Session session{{.url = url, .application = "test"}};
};

// ---- configurations ----

TEST_F(Daemons, CustomersThatLeaveTheConfigurationBecomeInactiveAndKeepTheirRows) {
  const auto daemon = start("one");
  enter(daemon, {customer("a"), customer("b")});
  EXPECT_EQ(enter(daemon, {customer("a")}).deactivated, 1);
  EXPECT_EQ(active(), "a");
  const auto due = claim_due(session, daemon, {{"main", 10}}, 10, {});
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].customer, "a");
  enter(daemon, {customer("a"), customer("b")});
  EXPECT_EQ(active(), "a b");
}

TEST_F(Daemons, ACustomerStaysActiveWhileAnyLiveDaemonHasIt) {
  const auto one = start("one");
  const auto two = start("two");
  enter(one, {customer("a"), customer("b")});
  enter(two, {customer("a"), customer("b")});
  EXPECT_EQ(enter(one, {customer("a")}, Existing::change).deactivated, 0);
  EXPECT_EQ(active(), "a b");
  // Both have let it go.
  EXPECT_EQ(enter(two, {customer("a")}, Existing::change).deactivated, 1);
  EXPECT_EQ(active(), "a");
}

TEST_F(Daemons, TheCustomersOfADeadDaemonBecomeInactive) {
  const auto one = start("one");
  const auto two = start("two");
  enter(one, {customer("a")});
  enter(two, {customer("b")});
  EXPECT_EQ(active(), "a b");
  dies(one);
  EXPECT_EQ(enter(two, {customer("b")}).deactivated, 1);
  EXPECT_EQ(active(), "b");
}

TEST_F(Daemons, WhoLooksDeadItselfDeactivatesNobody) {
  const auto one = start("one");
  EXPECT_TRUE(enter(one, {customer("a"), customer("b")}).complete);
  dies(one);
  const Registered registered = enter(one, {customer("a")});
  EXPECT_EQ(registered.deactivated, 0);
  EXPECT_FALSE(registered.complete);
  EXPECT_EQ(active(), "a b");
  heartbeat(session, one, facts("one"));
  EXPECT_EQ(enter(one, {customer("a")}).deactivated, 1);
}

TEST_F(Daemons, WhoHasNotYetSaidWhatItHasMayHaveAny) {
  const auto one = start("one");
  enter(one, {customer("a"), customer("b")});
  const auto two = start("two");
  EXPECT_EQ(enter(one, {customer("a", 1min)}).deactivated, 0);
  EXPECT_EQ(every("a"), "00:05:00");
  EXPECT_EQ(enter(two, {customer("a")}).deactivated, 1);
  dies(two);
  enter(one, {customer("a", 1min)});
  EXPECT_EQ(every("a"), "00:01:00");
}

TEST_F(Daemons, ARowThatALiveDaemonReliesOnIsNotChangedBesideIt) {
  const auto one = start("one");
  const auto two = start("two");
  enter(one, {customer("a"), customer("b")});
  const Registered result = enter(two, {customer("a", 1min), customer("b"), customer("c")});
  EXPECT_EQ(every("a"), "00:05:00");
  EXPECT_EQ(active(), "a b c");
  ASSERT_EQ(result.disagreements.size(), 1U);
  EXPECT_EQ(result.disagreements[0].customer, "a");
  EXPECT_EQ(result.disagreements[0].what, "it is polled every 00:05:00, here every 00:01:00");
}

TEST_F(Daemons, AStartOrAReloadChangesRowsAndTheOtherNoticesAndTakesThemBackWhenItIsGone) {
  const auto old_one = start("old one");
  const auto old_two = start("old two");
  const auto fresh = start("fresh");
  for (const auto daemon : {old_one, old_two}) enter(daemon, {customer("a")});
  EXPECT_THAT(enter(fresh, {customer("a", 1min, "other")}, Existing::change).disagreements, IsEmpty());
  for (const auto daemon : {old_one, old_two}) {
    const auto disagreements = enter(daemon, {customer("a")}).disagreements;
    ASSERT_EQ(disagreements.size(), 1U);
    EXPECT_THAT(disagreements[0].what, HasSubstr("its account is other, here main, it is polled every 00:01:00"));
  }
  EXPECT_EQ(every("a"), "00:01:00");
  // The rolling change is rolled back: somebody must poll the customer again.
  end_daemon(session, fresh);
  EXPECT_THAT(enter(old_one, {customer("a")}).disagreements, IsEmpty());
  EXPECT_EQ(every("a"), "00:05:00");
  EXPECT_THAT(enter(old_two, {customer("a")}).disagreements, IsEmpty());
}

TEST_F(Daemons, AConfigurationThatDisagreesKeepsItsCustomersActive) {
  const auto one = start("one");
  const auto two = start("two");
  enter(one, {customer("a")});
  enter(two, {customer("a", 1min)}, Existing::change);
  enter(one, {customer("a")});  // notices
  EXPECT_EQ(enter(two, {}, Existing::change).deactivated, 0);
  EXPECT_EQ(active(), "a");
}

TEST_F(Daemons, AnAccountsDailyLimitIsKeptForADaemonThatHasTheAccount) {
  const auto one = start("one");
  register_configuration(session, one, {{{"main", "v2", 10}}, {}}, Existing::change);
  const auto two = start("two");
  register_configuration(session, two, {{{"main", "v2", 99}}, {}}, Existing::keep_if_relied_on);
  EXPECT_EQ(value("select daily_limit from bounced.accounts"), "10");
  dies(one);
  register_configuration(session, two, {{{"main", "v2", 99}}, {}}, Existing::keep_if_relied_on);
  EXPECT_EQ(value("select daily_limit from bounced.accounts"), "99");
}

TEST_F(Daemons, RegisteringTheSameAgainWritesNoRow) {
  const auto daemon = start("one");
  const std::vector<CustomerSettings> customers{customer("a"), customer("b")};
  enter(daemon, customers);
  const auto written = [&] {
    return value(
        "select (select string_agg(xmin::text, ' ' order by name) from bounced.customers) || ' ' || "
        "(select xmin from bounced.accounts limit 1) || ' ' || (select xmin from bounced.daemons)");
  };
  const std::string before = written();
  enter(daemon, customers);
  EXPECT_EQ(written(), before);
}

// ---- who is alive ----

TEST_F(Daemons, WhoHasNotBeatenFor20SecondsIsDead) {
  start("one");
  const auto two = start("two");
  dies(two);
  EXPECT_EQ(alive(), "one");
  heartbeat(session, two, facts("two"));
  EXPECT_EQ(alive(), "one two");
}

TEST_F(Daemons, HeartbeatsTellWithWhomAccountsAreShared) {
  const auto one = start("one");
  EXPECT_THAT(heartbeat(session, one, facts("one")), IsEmpty());
  register_configuration(session, one, {{{"main", "v2"}}, {}}, Existing::change);
  const auto two = start("two");
  register_configuration(session, two, {{{"main", "v2"}, {"other", "v2"}}, {}}, Existing::change);
  const auto share = [](const std::string& account, int daemons, int before) {
    return testing::AllOf(testing::Field(&AccountShare::account, account),
                          testing::Field(&AccountShare::daemons, daemons),
                          testing::Field(&AccountShare::before, before));
  };
  EXPECT_THAT(heartbeat(session, one, facts("one")), ElementsAre(share("main", 2, 0)));
  EXPECT_THAT(heartbeat(session, two, facts("two")),
              testing::UnorderedElementsAre(share("main", 2, 1), share("other", 1, 0)));
  dies(one);
  EXPECT_THAT(heartbeat(session, two, facts("two")),
              testing::UnorderedElementsAre(share("main", 1, 0), share("other", 1, 0)));
}

TEST_F(Daemons, HeartbeatsTellWhatIsInFlight) {
  const auto one = start("one");
  EXPECT_EQ(value("select in_flight ->> 'count' || ' ' || stalls from bounced.daemons"), "0 0");
  heartbeat(session, one, facts("one"), std::nullopt, {.in_flight = R"({"count":2,"oldest":[]})", .stalls = 3});
  EXPECT_EQ(value("select in_flight ->> 'count' || ' ' || stalls from bounced.daemons"), "2 3");
}

TEST_F(Daemons, ADaemonThatWasRemovedComesBackUnderItsNumberAndMayHaveAnyCustomer) {
  const auto one = start("one");
  enter(one, {customer("a")});
  end_daemon(session, one);
  heartbeat(session, one, facts("one"));
  EXPECT_EQ(value(fmt::format("select configured is null from bounced.daemons where daemon_id = {}", one)), "t");
  EXPECT_EQ(enter(start("two"), {}).deactivated, 0);
}

// The database's clock cannot be moved here. That it jumped shows in a heartbeat that is older, or younger, than the
// daemon knows it to be.
TEST_F(Daemons, AfterAJumpOfTheClockNobodyIsTakenForDeadTooEarly) {
  const auto one = start("one");
  start("two");
  execute(url, "update bounced.daemons set heartbeat = heartbeat - interval '1 hour'");  // an hour ahead
  EXPECT_EQ(alive(), "");
  heartbeat(session, one, facts("one"), 5s);
  EXPECT_EQ(alive(), "one two");
  execute(url, "update bounced.server set met_at = met_at - interval '20 s'");
  EXPECT_EQ(alive(), "one");
}

TEST_F(Daemons, AClockThatWasPutBackDoesNotKeepTheDeadAlive) {
  const auto one = start("one");
  start("two");
  execute(url, "update bounced.daemons set heartbeat = heartbeat + interval '1 hour'");
  heartbeat(session, one, facts("one"), 5s);
  EXPECT_EQ(value("select bool_and(heartbeat <= clock_timestamp()) from bounced.daemons"), "t");
}

TEST_F(Daemons, ABeatThatComesWhenItIsExpectedIsNoJump) {
  const auto one = start("one");
  heartbeat(session, one, facts("one"), 1s);
  EXPECT_EQ(value("select met_at from bounced.server"), "-infinity");
}

TEST_F(Daemons, ANumberThatWasGivenToAnotherIsNotShared) {
  const auto one = start("one");
  execute(url, "delete from bounced.daemons; select setval('bounced.daemons_daemon_id_seq', 1, false)");
  ASSERT_EQ(start("two"), one);
  EXPECT_THROW(heartbeat(session, one, facts("one")), NumberTaken);
  heartbeat(session, one, facts("two"));
}

TEST_F(Daemons, TimesThatAClockLeftInTheFutureAreMended) {
  const auto one = start("one");
  enter(one, {customer("a"), customer("b", 24h)});
  pause_account(session, "main", 10s, "rate_limited", "slow down", "-infinity");
  execute(url,
          "insert into bounced.deletion_requests (customer, email) values ('a', 'x@example.com'), "
          "('a', 'y@example.com'), ('b', 'x@example.com')");
  execute(url,
          "set bounced.daemon = 'on'; "
          "update bounced.deletion_queue set next_attempt_at = now() + interval '3 hours' where email ~ 'x'; "
          "update bounced.deletion_queue set next_attempt_at = now() + interval '10 min' where email ~ 'y'");
  execute(url, "update bounced.customers set next_poll_at = now() + interval '3 hours'");
  execute(url, "update bounced.accounts set paused_until = now() + interval '3 hours' where name = 'main'");
  enter(one, {customer("a"), customer("b", 24h)});
  EXPECT_EQ(value("select string_agg(name || (next_poll_at > now() + interval '5 min'), ' ' order by name) "
                  "from bounced.customers"),
            "afalse btrue");
  EXPECT_EQ(value("select paused_until from bounced.accounts where name = 'main'"), "null");
  EXPECT_EQ(value("select string_agg(email || (next_attempt_at > now()), ' ' order by request_id) "
                  "from bounced.deletion_requests"),
            "x@example.comfalse y@example.comtrue x@example.comfalse");
}

// ---- a server that was started, or promoted ----

class DaemonsAndServer : public Daemons {
 protected:
  explicit DaemonsAndServer(std::unique_ptr<test::Cluster> own = std::make_unique<test::Cluster>())
      : Daemons(*own), cluster(std::move(own)) {}
  std::unique_ptr<test::Cluster> cluster;
};

TEST_F(DaemonsAndServer, NobodyIsTakenForDeadWithin20SecondsOfTheServersStart) {
  const auto one = start("one");
  const auto two = start("two");
  enter(one, {customer("a")});
  const auto claims = claim_due(session, one, {{"main", 1}}, 1, {});
  ASSERT_EQ(claims.size(), 1U);
  cluster->restart();
  for (const auto daemon : {one, two}) dies(daemon);
  Session again({.url = url, .application = "test"});
  // Before any daemon is back, and after the first one is.
  EXPECT_THAT(claim_due(again, two, {{"main", 1}}, 1, {}), IsEmpty());
  heartbeat(again, two, facts("two"), 60s);
  EXPECT_THAT(claim_due(again, two, {{"main", 1}}, 1, {}), IsEmpty());
  EXPECT_EQ(alive(), "one two");
  // Until then it has not come back.
  execute(url, "update bounced.server set met_at = met_at - interval '20 s'");
  EXPECT_EQ(claim_due(again, two, {{"main", 1}}, 1, {}).size(), 1U);
}

// ---- turns to call ----

constexpr Pace ten_a_second{.spacing = 100ms, .make_up_for = 0ms};

TEST_F(Daemons, TurnsAreHandedOutOneAfterTheOtherToWhoeverAsks) {
  enter(start("one"), {customer("a")});
  const Turns first = take_turns(session, "main", ten_a_second, 3);
  EXPECT_EQ(first.count, 3);
  EXPECT_EQ(first.first_in, 0ms);
  Session another({.url = url, .application = "test"});
  const Turns second = take_turns(another, "main", ten_a_second, 100);
  EXPECT_GT(second.first_in, 0ms);
  EXPECT_LE(second.first_in, 300ms);
  // No more than come within a second.
  EXPECT_LE(second.first_in + (second.count - 1) * 100ms, 1s);
  EXPECT_GE(second.count, 7);
  const Turns none = take_turns(session, "main", ten_a_second, 1);
  EXPECT_LE(none.count, 1);
  EXPECT_TRUE(none.count == 1 || none.first_in > 1s);
  // Another account's are its own.
  EXPECT_EQ(take_turns(session, "other", ten_a_second, 1).first_in, 0ms);
}

TEST_F(Daemons, UnusedTimeIsMadeUpForOnlyALittle) {
  enter(start("one"), {customer("a")});
  execute(url, "update bounced.accounts set turns_until = now() - interval '1 hour'");
  const Turns turns = take_turns(session, "main", {.spacing = 100ms, .make_up_for = 250ms}, 100);
  EXPECT_EQ(turns.first_in, -250ms);
  EXPECT_EQ(turns.count, 13);
}

TEST_F(Daemons, APausedAccountHasNoTurns) {
  enter(start("one"), {customer("a")});
  pause_account(session, "main", 10s, "rate_limited", "slow down", "-infinity");
  const Turns turns = take_turns(session, "main", ten_a_second, 1);
  EXPECT_GT(turns.lists_paused_for.count(), 0);
  EXPECT_GT(turns.deletions_paused_for.count(), 0);
  EXPECT_EQ(turns.count, 0);
}

TEST_F(Daemons, APausedKindOfCallTakesNoTurnFromTheOther) {
  enter(start("one"), {customer("a")});
  pause_account(session, "main", 10s, "rate_limited", "slow down", "-infinity", "deletions");
  const Turns turns = take_turns(session, "main", ten_a_second, 2, 3);
  EXPECT_EQ(turns.lists_paused_for.count(), 0);
  EXPECT_GT(turns.deletions_paused_for.count(), 0);
  EXPECT_EQ(turns.count, 2);
  pause_account(session, "main", 10s, "rate_limited", "slow down", "-infinity", "lists");
  const Turns for_subusers = take_turns(session, "main", ten_a_second, 2, 3, 1);
  EXPECT_GT(for_subusers.lists_paused_for.count(), 0);
  EXPECT_EQ(for_subusers.subusers_paused_for.count(), 0);
  EXPECT_EQ(for_subusers.count, 1);
}

TEST_F(Daemons, AClockThatWasPutBackDoesNotEndTheTurns) {
  enter(start("one"), {customer("a")});
  execute(url, "update bounced.accounts set turns_until = now() + interval '1 hour'");
  EXPECT_EQ(take_turns(session, "main", ten_a_second, 1).first_in, 0ms);
}

TEST_F(Daemons, ALimitThatWasLowerDoesNotCountForLong) {
  enter(start("one"), {customer("a")});
  execute(url, "update bounced.accounts set turns_until = now() + interval '50 s'");
  EXPECT_EQ(take_turns(session, "main", ten_a_second, 1).first_in, 0ms);
}

TEST_F(Daemons, AllWhoMeetTheSameFaultWaitForTheEndOfOnePause) {
  enter(start("one"), {customer("a")});
  EXPECT_EQ(pause_account(session, "main", 60s, "credentials", "wrong", "-infinity").times, 1);
  const Pause same = pause_account(session, "main", 120s, "credentials", "wrong", "-infinity");
  EXPECT_EQ(same.times, std::nullopt);
  EXPECT_GT(same.length, 50s);
  EXPECT_LE(same.length, 60s);
}

TEST_F(Daemons, WhatOthersEndedIsKnownByTheNextCallThatGoesWell) {
  enter(start("one"), {customer("a")});
  pause_account(session, "main", 60s, "rate_limited", "slow", "-infinity", "lists");
  pause_account(session, "main", 60s, "rate_limited", "slow", "-infinity", "deletions");
  EXPECT_TRUE(resume_account(session, "main", "infinity", "lists")->ended);
  const auto again = resume_account(session, "main", "infinity", "lists").value();
  EXPECT_FALSE(again.ended);
  EXPECT_EQ(again.left, (std::vector<std::string>{"deletions"}));
  Session other({.url = url, .application = "somebody"});
  other.in_transaction([&](pqxx::work& person) {
    exec(person, "select from bounced.accounts for update");
    EXPECT_EQ(resume_account(session, "main", "infinity", "deletions"), std::nullopt);
    EXPECT_TRUE(end_pauses(session, {"main"}).empty());
  });
  EXPECT_EQ(end_pauses(session, {"main"}), (std::vector<std::string>{"main"}));
}

TEST_F(Daemons, PausesEndWhereOtherCredentialsMayHelpAndThoseThatTheApiAskedForStand) {
  enter(start("one"), {customer("a"), customer("b", 5min, "other")});
  pause_account(session, "main", 60s, "credentials", "wrong", "-infinity", "all");
  pause_account(session, "main", 60s, "refused", "no scope", "-infinity", "deletions");
  pause_account(session, "main", 60s, "unavailable", "a page", "-infinity", "lists");
  pause_account(session, "main", 60s, "rate_limited", "slow down", "-infinity", "subusers");
  pause_account(session, "other", 60s, "rate_limited", "slow down", "-infinity", "lists");
  execute(url, "update bounced.customers set next_poll_at = now() + interval '61 s'");
  end_pauses(session, {"main", "other"});
  EXPECT_EQ(
      value("select string_agg(name || ' ' || calls, ', ' order by name) from bounced.accounts "
            "cross join jsonb_each(call_pauses) as p (calls, pause) where (pause ->> 'until')::timestamptz > now()"),
      "main subusers, other lists");
  EXPECT_EQ(value("select string_agg(name, ' ') from bounced.customers where next_poll_at <= now()"), "a");
}

}  // namespace
}  // namespace bounced::db
