// SPDX-License-Identifier: Apache-2.0
// Registrations wait for no merge, hold up no call, and cost nothing where nothing changed; what daemons rely on hangs
// on no lock of a reader's.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <vector>

#include "db/accounts.h"
#include "db/claims.h"
#include "db/customers.h"
#include "db/daemons.h"
#include "db/session.h"
#include "tests/support/cluster.h"

namespace bounced::db {
namespace {

using namespace std::chrono_literals;
using test::execute;
using test::query_value;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

class Registration : public testing::Test {
 protected:
  static CustomerSettings customer(const std::string& name, const std::string& zone = "UTC",
                                   std::chrono::seconds every = 5min) {
    return {.name = name, .account = "main", .time_zone = zone, .every = every, .full_every = 24h, .recent_days = 0};
  }
  Registered enter(const std::vector<CustomerSettings>& customers, Existing existing = Existing::change) {
    return register_configuration(session, daemon, {{{"main", "v2"}}, customers}, existing);
  }
  std::string value(const std::string& sql) const { return query_value(url, sql); }
  std::vector<std::string> due() {
    std::vector<std::string> names;
    for (const Claim& claim : claim_due(session, daemon, {{"main", 10}}, 10, {})) names.push_back(claim.customer);
    return names;
  }

  std::string url = test::Cluster::shared().create_database();
  Session session{{.url = url, .application = "test"}};
  Session other{{.url = url, .application = "somebody"}};
  std::int64_t daemon = start_daemon(session, {.host = "here", .pid = 1, .version = "1"});
};

TEST_F(Registration, WaitsForNoMergeAndHoldsUpNoCall) {
  enter({customer("merged"), customer("b")});
  other.in_transaction([&](pqxx::work& merge) {
    exec(merge, "select from bounced.customers where name = 'merged' for no key update");
    const Registered changed = enter({customer("merged", "UTC", 1min), customer("b", "UTC", 1min), customer("new")});
    ASSERT_THAT(changed.later, SizeIs(1));
    EXPECT_EQ(changed.later[0].settings.name, "merged");
    EXPECT_EQ(value("select string_agg(name || ' ' || poll_every, ', ' order by name) from bounced.customers"),
              "b 00:01:00, merged 00:05:00, new 00:05:00");
    // Who leaves while its list is merged becomes inactive the next time.
    EXPECT_EQ(enter({customer("b", "UTC", 1min)}).deactivated, 1);
  });
  EXPECT_EQ(enter({customer("b", "UTC", 1min)}).deactivated, 1);
}

// Calls take their turns from the accounts' rows.
TEST_F(Registration, TouchesNoAccountThatSaysTheSameAlready) {
  enter({customer("a")});
  other.in_transaction([&](pqxx::work& call) {
    exec(call, "select from bounced.accounts for no key update");
    EXPECT_THAT(enter({customer("a"), customer("b")}).later, IsEmpty());
  });
}

TEST_F(Registration, AZoneIsChangedCustomerByCustomerOutsideOfIt) {
  enter({customer("a"), customer("b")});
  execute(url,
          "insert into bounced.mirror (customer_id, email, bounced_at, status, reason, first_seen_at, last_seen_at) "
          "select customer_id, 'x@example.com', '2024-05-06 07:08:09+00', '', '', now(), now() from bounced.customers");
  const std::vector<CustomerSettings> moved{customer("a", "America/Los_Angeles"), customer("b", "America/Los_Angeles")};
  const Registered registered = enter(moved);
  ASSERT_THAT(registered.later, SizeIs(2));
  EXPECT_EQ(value("select disagrees = configured from bounced.daemons"), "t");
  EXPECT_TRUE(change_customer(session, daemon, registered.later[0]));
  EXPECT_EQ(value("select string_agg(time_zone, ', ' order by name) from bounced.customers"),
            "America/Los_Angeles, UTC");
  EXPECT_EQ(value("select string_agg((bounced_at at time zone 'UTC')::text, ', ' order by customer) "
                  "from bounced.bounces"),
            "2024-05-06 14:08:09, 2024-05-06 07:08:09");
  EXPECT_TRUE(change_customer(session, daemon, registered.later[1]));
  EXPECT_FALSE(change_customer(session, daemon, registered.later[1]));
  EXPECT_THAT(enter(moved).later, IsEmpty());
  EXPECT_EQ(value("select cardinality(disagrees) from bounced.daemons"), "0");
}

TEST_F(Registration, TheStateTellsWhetherThereIsAnythingToCompare) {
  const std::vector<CustomerSettings> customers{customer("a"), customer("b")};
  const std::string first = enter(customers).state;
  EXPECT_EQ(registration_state(session), first);
  EXPECT_EQ(enter(customers).state, first);
  const auto second = start_daemon(session, {.host = "there", .pid = 2, .version = "1"});
  const std::string with_second = registration_state(session);
  EXPECT_NE(with_second, first);
  register_configuration(session, second, {{{"main", "v2"}}, {customer("a")}}, Existing::keep_if_relied_on);
  EXPECT_NE(registration_state(session), with_second);
  end_daemon(session, second);
  EXPECT_EQ(registration_state(session), first);
  EXPECT_NE(enter({customer("a", "UTC", 1min), customer("b")}).state, first);
}

TEST_F(Registration, NamesWhoIsInTheWay) {
  other.in_transaction([&](pqxx::work& registering) {
    exec(registering, "select from bounced.server for update");
    EXPECT_THAT([&] { enter({customer("a")}); }, ThrowsMessage<Conflict>(HasSubstr("somebody (process ")));
  });
  enter({customer("a")});
}

TEST_F(Registration, ACustomerThatSomebodyRemovedIsNothingToChange) {
  enter({customer("a")});
  const Registered registered = enter({customer("a", "America/Los_Angeles")});
  ASSERT_THAT(registered.later, SizeIs(1));
  execute(url, "select bounced.poll_now('a'); delete from bounced.customers");
  EXPECT_FALSE(change_customer(session, daemon, registered.later[0]));
  EXPECT_EQ(value("select count(*) from bounced.poll_requests"), "0");
}

// ---- locks of people who may only look, or ask for polls ----

TEST_F(Registration, WhoAsksForPollsInAnOpenTransactionHoldsUpNone) {
  enter({customer("a"), customer("b")});
  other.in_transaction([&](pqxx::work& person) {
    exec(person, "select bounced.poll_now(name) from bounced.customers");
    EXPECT_THAT(due(), SizeIs(2));
    EXPECT_EQ(value("select count(full_asked_at) from bounced.customers"), "0");
  });
  execute(url, "update bounced.customers set claimed_by = null, next_poll_at = now() + interval '4 min'");
  EXPECT_THAT(due(), SizeIs(2));
  EXPECT_EQ(value("select count(full_asked_at) from bounced.customers"), "2");
  EXPECT_EQ(value("select count(*) from bounced.poll_requests"), "0");
}

TEST_F(Registration, APollThatIsAskedForDuringAMergeIsNotedAfterIt) {
  enter({customer("a")});
  execute(url, "update bounced.customers set next_poll_at = now() + interval '4 min'");
  other.in_transaction([&](pqxx::work& merge) {
    exec(merge, "select from bounced.customers for no key update");
    execute(url, "select bounced.poll_now('a')");
    EXPECT_THAT(due(), IsEmpty());
    // Whoever merges it need not look before that has ended.
    const int customer = std::stoi(query_value(url, "select customer_id from bounced.customers"));
    EXPECT_EQ(until_next_due(session, daemon, {"main"}, {customer}), std::nullopt);
    EXPECT_EQ(until_next_due(session, daemon, {"main"}, {}), 0s);
  });
  EXPECT_THAT(due(), SizeIs(1));
}

// A list that was asked for between the request and the end of its transaction does not serve it.
TEST_F(Registration, APollCountsAsAskedForWhenItCouldFirstBeSeen) {
  enter({customer("a")});
  std::vector<Claim> claims;
  other.in_transaction([&](pqxx::work& person) {
    exec(person, "select bounced.poll_now('a')");
    claims = claim_due(session, daemon, {{"main", 1}}, 1, {});
  });
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_LE(until_next_due(session, daemon, {"main"}, {}), 0s);
  due();
  EXPECT_EQ(value("select full_asked_at > '" + claims[0].asked_at + "' from bounced.customers"), "t");
}

TEST_F(Registration, ADaemonTakesOnlyRequestsForItsAccounts) {
  enter({customer("a")});
  execute(url, "select bounced.poll_now('a')");
  EXPECT_THAT(claim_due(session, daemon, {{"other", 1}}, 1, {}), IsEmpty());
  EXPECT_EQ(until_next_due(session, daemon, {"other"}, {}), std::nullopt);
  EXPECT_EQ(value("select count(*) from bounced.poll_requests"), "1");
}

TEST_F(Registration, NobodyBecomesADaemonBySayingSo) {
  enter({customer("a")});
  execute(url,
          "do $$ begin if to_regrole('queuer') is null then create role queuer login; end if; end $$; "
          "grant usage on schema bounced to queuer; "
          "grant select, insert (customer, email, note), update (state, note) on bounced.deletion_requests to queuer");
  const std::string queuer = url + " user=queuer";
  execute(queuer, "insert into bounced.deletion_requests (customer, email) values ('a', 'x@example.com')");
  execute(queuer, "update bounced.deletion_requests set state = 'cancelled'");
  EXPECT_THAT(
      [&] { execute(queuer, "set bounced.daemon = 'on'; update bounced.deletion_requests set state = 'failed'"); },
      ThrowsMessage<std::exception>(HasSubstr("cannot be set to")));
}

// ---- the clock ----

TEST_F(Registration, AJumpOfTheClockIsMendedByTheNextHeartbeat) {
  enter({customer("a"), customer("failing")});
  execute(
      url,
      "update bounced.daemons set heartbeat = heartbeat + interval '10 min'; "
      "update bounced.customers set next_poll_at = now() + interval '13 min'; "
      "update bounced.customers set failures = 3, last_error_at = now() + interval '10 min' where name = 'failing'");
  heartbeat(session, daemon, {.host = "here", .pid = 1, .version = "1"}, 5s);
  EXPECT_EQ(value("select bool_and(next_poll_at <= now() + poll_every + interval '1 s') from bounced.customers"), "t");
}

TEST_F(Registration, PausesThatBeginInTheFutureEnd) {
  enter({customer("a")});
  pause_account(session, "main", 10min, "rate_limited", "slow down", "infinity", "lists");
  mend_times(session);
  EXPECT_EQ(value("select paused_calls from bounced.accounts"), "lists");
  execute(url,
          "update bounced.accounts set call_pauses = jsonb_set(call_pauses, '{lists,at}', "
          "to_jsonb(now() + interval '30 min'))");
  pause_account(session, "main", 10min, "rate_limited", "slow down", "infinity", "deletions");
  mend_times(session);
  EXPECT_EQ(value("select string_agg(k, ' ') from bounced.accounts, jsonb_object_keys(call_pauses) as k"), "deletions");
  EXPECT_EQ(value("select paused_calls from bounced.accounts"), "deletions");
}

// ---- beside a daemon of before ----

TEST_F(Registration, PausesThatAnOlderDaemonWritesCount) {
  enter({customer("a")});
  pause_account(session, "main", 1min, "rate_limited", "slow down", "infinity", "deletions");
  execute(url,
          "update bounced.accounts set paused_at = clock_timestamp(), paused_until = now() + interval '10 min', "
          "paused_because = 'slow down', paused_kind = 'rate_limited', pauses = pauses + 1");
  const std::string end = "select bounced.pause_end(a, 'lists') > now() + interval '9 min' from bounced.accounts a";
  EXPECT_EQ(value(end), "t");
  EXPECT_EQ(value("select paused_calls from bounced.accounts"), "null");
  EXPECT_THAT(due(), IsEmpty());
  execute(url,
          "update bounced.accounts set paused_at = null, paused_until = null, paused_because = null, "
          "paused_kind = null, pauses = 0");
  EXPECT_EQ(value("select call_pauses from bounced.accounts"), "{}");
  EXPECT_THAT(due(), SizeIs(1));
}

}  // namespace
}  // namespace bounced::db
