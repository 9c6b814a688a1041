// SPDX-License-Identifier: Apache-2.0
// Who may poll what, and when.
#include "db/claims.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "db/accounts.h"
#include "db/customers.h"
#include "db/daemons.h"
#include "db/mirror.h"
#include "db/retention.h"
#include "db/session.h"
#include "tests/support/cluster.h"

namespace bounced::db {
namespace {

using test::execute;
using test::query_value;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Claims : public testing::Test {
 protected:
  void add(const std::string& name, const std::string& account = "main",
           std::chrono::seconds every = std::chrono::minutes(5), int recent_days = 0) {
    settings.push_back({.name = name,
                        .account = account,
                        .time_zone = "UTC",
                        .every = every,
                        .full_every = std::chrono::hours(24),
                        .recent_days = recent_days});
    register_all();
  }
  Registered register_all(Existing existing = Existing::change) {
    return register_configuration(session, daemon, {{{"main", "v2"}, {"other", "v2"}}, settings}, existing);
  }

  std::vector<std::string> due(int limit = 100, std::vector<Places> places = {{"main", 100}, {"other", 100}},
                               const std::vector<int>& taken = {}) {
    std::vector<std::string> names;
    for (const Claim& claim : claim_due(session, daemon, places, limit, taken)) names.push_back(claim.customer);
    return names;
  }
  void due_since(const std::string& name, const std::string& interval) {
    execute(url, fmt::format("update bounced.customers set next_poll_at = now() - interval '{}' where name = '{}'",
                             interval, name));
  }
  Merged merge_empty(const Claim& claim) { return std::get<Merged>(merge_short(session, claim, {}, {})); }
  std::string value(const std::string& sql) { return query_value(url, sql); }

  std::string url = test::Cluster::shared().create_database();
  Session session{{.url = url, .application = "test"}};
  std::int64_t daemon = start_daemon(session, {.host = "here", .pid = 1, .version = "1"});
  std::vector<CustomerSettings> settings;
};

TEST_F(Claims, ANewCustomerIsDueAtOnceAndIsClaimedOnce) {
  add("a");
  const auto claims = claim_due(session, daemon, {{"main", 1}}, 1, {});
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].customer, "a");
  EXPECT_EQ(claims[0].account, "main");
  EXPECT_TRUE(claims[0].full);
  EXPECT_EQ(claims[0].every, std::chrono::minutes(5));
  EXPECT_THAT(due(100, {{"main", 100}}, {claims[0].customer_id}), IsEmpty());
}

TEST_F(Claims, TheLongestDueComeFirstWithinThePlaces) {
  for (const char* name : {"a", "b", "c", "d"}) add(name);
  add("o", "other");
  due_since("c", "3 min");
  due_since("a", "2 min");
  due_since("o", "1 min");
  EXPECT_THAT(due(3, {{"main", 2}, {"other", 1}}), UnorderedElementsAre("c", "a", "o"));
}

TEST_F(Claims, AClaimOfALiveDaemonStandsAndThatOfADeadOneIsFree) {
  add("a");
  const std::int64_t other = start_daemon(session, {.host = "there", .pid = 2, .version = "1"});
  ASSERT_EQ(claim_named(session, other, {"a"}, {}).size(), 1U);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_THAT(claim_named(session, daemon, {"a"}, {}), IsEmpty());
  execute(url,
          fmt::format("update bounced.daemons set heartbeat = now() - interval '21 s' where daemon_id = {}", other));
  EXPECT_THAT(due(), ElementsAre("a"));
}

TEST_F(Claims, AClaimWhoseAnswerWasLostIsTakenAgainByItsOwnDaemon) {
  add("a");
  ASSERT_THAT(due(), ElementsAre("a"));  // and say that the answer never came
  EXPECT_THAT(due(), ElementsAre("a"));
}

TEST_F(Claims, ADaemonThatEndsGivesItsClaimsBack) {
  add("a");
  ASSERT_THAT(due(), ElementsAre("a"));
  end_daemon(session, daemon);
  daemon = start_daemon(session, {.host = "here", .pid = 1, .version = "1"});
  EXPECT_THAT(due(), ElementsAre("a"));
}

TEST_F(Claims, AHeartbeatBringsBackADaemonThatWasRemoved) {
  execute(url, "delete from bounced.daemons");
  heartbeat(session, daemon, {.host = "here", .pid = 1, .version = "1"});
  EXPECT_EQ(value("select daemon_id from bounced.daemons"), std::to_string(daemon));
}

TEST_F(Claims, SomebodysUncommittedRowDoesNotHideACustomer) {
  add("a");
  Session person({.url = url, .application = "person"});
  person.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select from bounced.customers for key share");  // as a foreign key does it
    EXPECT_THAT(due(), ElementsAre("a"));
  });
}

TEST_F(Claims, APausedAccountIsLeftAlone) {
  add("a");
  add("o", "other");
  const std::string now = value("select clock_timestamp()");
  EXPECT_EQ(pause_account(session, "main", std::chrono::hours(1), "rate_limited", "slow", now, "lists").times, 1);
  // What was asked before the pause tells nothing new.
  EXPECT_EQ(pause_account(session, "main", std::chrono::hours(1), "rate_limited", "slow", now, "lists").times,
            std::nullopt);
  EXPECT_FALSE(resume_account(session, "main", now, "lists")->ended);
  EXPECT_THAT(due(), ElementsAre("o"));
  EXPECT_GT(until_next_due(session, daemon, {"main"}, {}), std::chrono::minutes(59));
  const std::string later = value("select clock_timestamp()");
  EXPECT_FALSE(resume_account(session, "main", later, "deletions")->ended);
  EXPECT_TRUE(resume_account(session, "main", later, "lists")->ended);
  EXPECT_FALSE(resume_account(session, "main", later, "lists")->ended);
  EXPECT_THAT(due(100, {{"main", 1}}), ElementsAre("a"));
}

// Each kind of call is paused and resumed by itself; the columns for people tell of the pause that ends last.
TEST_F(Claims, APauseConcernsItsKindOfCall) {
  add("a");
  const auto shown = [&] {
    return value(
        "select concat_ws(' ', paused_calls, paused_because, pauses, paused_until > now() + interval '50 min') "
        "from bounced.accounts where name = 'main'");
  };
  const auto minutes_of = [&](const std::string& calls) {
    return value("select coalesce(floor(extract(epoch from bounced.pause_end(a, '" + calls +
                 "') - clock_timestamp()) / 60), 0)::int from bounced.accounts a where name = 'main'");
  };
  const auto pause = [&](const char* calls, std::chrono::minutes length) {
    pause_account(session, "main", length, "rate_limited", std::string("no ") + calls, "infinity", calls);
  };
  pause("deletions", std::chrono::minutes(60));
  EXPECT_EQ(shown(), "deletions no deletions 1 t");
  EXPECT_THAT(due(), ElementsAre("a"));
  EXPECT_EQ(minutes_of("lists"), "0");
  EXPECT_EQ(minutes_of("deletions"), "59");
  pause("lists", std::chrono::minutes(5));
  EXPECT_EQ(shown(), "deletions no deletions 1 t");
  EXPECT_EQ(minutes_of("lists"), "4");
  EXPECT_TRUE(resume_account(session, "main", "infinity", "deletions")->ended);
  EXPECT_EQ(shown(), "lists no lists 1 f");
  // Credentials that serve one kind of call are right for all.
  pause("all", std::chrono::minutes(60));
  EXPECT_EQ(shown(), "no all 1 t");
  EXPECT_EQ(minutes_of("subusers"), "59");
  EXPECT_TRUE(resume_account(session, "main", "-infinity", "deletions")->ended);
  EXPECT_EQ(shown(), "lists no lists 1 f");
  EXPECT_TRUE(resume_account(session, "main", "infinity", "lists")->ended);
  EXPECT_EQ(shown(), "0");
}

TEST_F(Claims, AfterAPollTheCustomerIsDueInItsOwnSlot) {
  // So long an interval that nobody's slot comes meanwhile.
  for (int i = 0; i < 100; ++i) add(fmt::format("c{}", i), "main", std::chrono::hours(24));
  for (const Claim& claim : claim_due(session, daemon, {{"main", 100}}, 100, {})) merge_empty(claim);
  EXPECT_THAT(due(), IsEmpty());
  EXPECT_EQ(value("select bool_and(next_poll_at > now() and next_poll_at <= now() + interval '24 hours') "
                  "from bounced.customers"),
            "t");
  // Spread evenly: no ten of a hundred within a tenth of the interval's half.
  EXPECT_EQ(value("select max(n) <= 12 and count(*) = 10 from (select count(*) as n from bounced.customers "
                  "group by floor(extract(epoch from next_poll_at) % 86400 / 8640)) s"),
            "t");
  // The phase is the customer's own, whenever it is asked.
  EXPECT_EQ(value("select bool_and(bounced.next_slot(customer_id, poll_every, next_poll_at) "
                  "= next_poll_at + poll_every) from bounced.customers"),
            "t");
  EXPECT_GT(until_next_due(session, daemon, {"main"}, {}), std::chrono::seconds(-1));
}

TEST_F(Claims, FullPollsComeWhenTheyAreDueOrAskedFor) {
  add("a", "main", std::chrono::minutes(5), 3);
  auto claim = claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0);
  EXPECT_TRUE(claim.full);  // never read before
  merge_empty(claim);
  due_since("a", "0 s");
  claim = claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0);
  EXPECT_FALSE(claim.full);
  EXPECT_EQ(claim.recent_days, 3);
  merge_empty(claim);

  execute(url, "select bounced.poll_now('a')");
  claim = claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0);
  EXPECT_TRUE(claim.full);
  execute(url, "select bounced.poll_now('a')");  // while its list is being read: that list may be too old
  merge_empty(claim);
  claim = claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0);
  EXPECT_TRUE(claim.full);
  merge_empty(claim);
  EXPECT_THAT(due(), IsEmpty());

  execute(url, "update bounced.customers set last_full_at = now() - interval '24 hours'");
  due_since("a", "0 s");
  EXPECT_TRUE(claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0).full);
}

TEST_F(Claims, PollNowSaysWhatIsWrong) {
  add("a");
  EXPECT_THAT([&] { execute(url, "select bounced.poll_now('nobody')"); },
              testing::ThrowsMessage<std::exception>(testing::HasSubstr("there is no customer \"nobody\"")));
  settings.clear();
  register_all();
  EXPECT_THAT([&] { execute(url, "select bounced.poll_now('a')"); },
              testing::ThrowsMessage<std::exception>(testing::HasSubstr("customer \"a\" is not active")));
}

TEST_F(Claims, AFailureIsNotedAndTriedAgainLater) {
  add("a");
  Claim claim = claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0);
  EXPECT_EQ(fail_poll(session, claim, "unavailable: no answer", std::chrono::seconds(30)), 1);
  EXPECT_EQ(value("select failures || ' ' || last_error || ' ' || (last_error_at > now() - interval '1 min') "
                  "from bounced.customers"),
            "1 unavailable: no answer true");
  EXPECT_EQ(value("select kind || ' ' || error || ' ' || coalesce(received::text, 'null') from bounced.polls"),
            "full unavailable: no answer null");
  EXPECT_THAT(due(), IsEmpty());
  const auto until = until_next_due(session, daemon, {"main"}, {});
  EXPECT_GT(until, std::chrono::seconds(25));
  EXPECT_LT(until, std::chrono::seconds(31));
  due_since("a", "0 s");
  claim = claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0);
  EXPECT_EQ(claim.failures, 1);
  merge_empty(claim);
  EXPECT_EQ(value("select failures || coalesce(last_error, '') from bounced.customers"), "0");
}

TEST_F(Claims, AShorterIntervalBringsTheNextPollForward) {
  add("a", "main", std::chrono::hours(24));
  merge_empty(claim_due(session, daemon, {{"main", 1}}, 1, {}).at(0));
  settings[0].every = std::chrono::minutes(1);
  register_all();
  EXPECT_LE(until_next_due(session, daemon, {"main"}, {}), std::chrono::minutes(1));
}

TEST_F(Claims, UnknownTimeZonesAreNamed) {
  EXPECT_THAT(unknown_time_zones(session, {"UTC", "America/Los_Angeles", "europe/berlin", "Europe/Atlantis"}),
              ElementsAre("Europe/Atlantis"));
}

TEST_F(Claims, OldRowsOfTheLogAreForgotten) {
  add("a");
  execute(url,
          "insert into bounced.polls (customer_id, kind, asked_at, finished_at) "
          "select 1, 'full', now(), now() - i * interval '1 day' from generate_series(0, 9) i");
  while (forget_polls(session, std::chrono::hours(24 * 5 - 1))) continue;
  EXPECT_EQ(value("select count(*) from bounced.polls"), "5");
}

}  // namespace
}  // namespace bounced::db
