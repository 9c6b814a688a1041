// SPDX-License-Identifier: Apache-2.0
// The queue at the database itself: what people may do with SQL, and what daemons claim.
#include <atomic>
#include <thread>

#include "db/retention.h"
#include "tests/integration/requests_fixture.h"

namespace bounced::db {
namespace {

// ---- what people may do ----

TEST_F(Requests, AnInsertOfACustomerAndAnAddressIsEnough) {
  execute(url, "insert into bounced.deletion_requests (customer, email, note) values ('c', '  a@example.com ', 'why')");
  EXPECT_EQ(value("select state || ' ' || email || ' ' || note || ' ' || attempts || ' ' || requested_by || ' ' || "
                  "(requested_at = next_attempt_at) from bounced.deletion_requests"),
            "pending a@example.com why 0 postgres true");
}

TEST_F(Requests, WhatIsTheDaemonsCannotBeInserted) {
  execute(url,
          "insert into bounced.deletion_requests (customer, email, customer_id, state, outcome, finished_at, attempts, "
          "requested_by) values ('c', 'a@example.com', 2, 'done', 'deleted', now(), 7, 'somebody')");
  EXPECT_EQ(value("select state || coalesce(outcome, '-') || attempts || requested_by || c.name from "
                  "bounced.deletion_requests r join bounced.customers c using (customer_id)"),
            "pending-0postgresc");
}

TEST_F(Requests, WhatCannotBeDeletedIsRefusedWithAReason) {
  EXPECT_THAT(refusal("insert into bounced.deletion_requests (customer, email) values ('nobody', 'a@example.com')"),
              HasSubstr("there is no customer \"nobody\""));
  for (const char* blank :
       {"''", "' '", "U&'\\00a0'", "U&'\\3000\\2003'", "U&'\\200b'", "U&' \\feff\\00ad'", "U&'\\2060'"}) {
    EXPECT_THAT(refused_email(blank), HasSubstr("the email is blank")) << blank;
  }
  for (const char* control : {"e'a\\n@b'", "e'a@b\\t'", "U&'a\\007f'", "U&'a\\0085b'", "e'\\x01'"}) {
    EXPECT_THAT(refused_email(control), HasSubstr("the email has control characters")) << control;
  }
  EXPECT_THAT(refused_email("repeat('x', 1001)"), HasSubstr("longer than 1000 bytes"));
  EXPECT_THAT(refused_email("repeat('ü', 501)"), HasSubstr("longer than 1000 bytes"));
  EXPECT_EQ(refused_email("repeat('ü', 500)"), "");
  EXPECT_THAT(refused_email("null"), HasSubstr("null value in column \"email\""));
}

// One address of many that nobody can ask for fails alone, and stays so.
TEST_F(Requests, WhatIsListedAndCannotBeAskedForFailsAlone) {
  execute(url,
          "insert into bounced.mirror (customer_id, email, status, reason, first_seen_at, last_seen_at) "
          "select customer_id, email, '', '', now(), now() from bounced.customers "
          "cross join unnest(array['a@x', e'b\\t@x', U&'\\200b', repeat('x', 1001)]) as email where name = 'c'");
  execute(
      url,
      "insert into bounced.deletion_requests (customer, email) select customer, email from bounced.current_bounces");
  EXPECT_EQ(
      value("select string_agg(concat_ws(' ', left(email, 4), state, last_error), '; ' order by email) from "
            "bounced.deletion_requests where state = 'pending' or last_error ~ 'cannot be asked for'"),
      value("select concat_ws('; ', 'a@x pending', e'b\\t@x failed the email has control characters: it cannot be "
            "asked for', 'xxxx failed the email is longer than 1000 bytes: it cannot be asked for', U&'\\200b "
            "failed the email is blank: it cannot be asked for')"));
  execute(url, "update bounced.deletion_requests set state = 'pending' where state = 'failed'");
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'failed'"), "3");
}

TEST_F(Requests, ANoteHasALength) {
  EXPECT_THAT(refusal("insert into bounced.deletion_requests (customer, email, note) values ('c', 'a@x', "
                      "repeat('x', 10001))"),
              HasSubstr("the note is longer than 10000 bytes"));
  queue("a@x");
  EXPECT_THAT(refusal("update bounced.deletion_requests set note = repeat('x', 10001)"), HasSubstr("longer than"));
}

// Who logs in as one role for everybody and then sets another is that one.
TEST_F(Requests, BehindSetRoleEveryoneSeesTheirOwn) {
  execute(url,
          "do $$ begin if to_regrole('anna') is null then create role anna; create role bert; end if; end $$; "
          "grant usage on schema bounced to anna, bert; "
          "grant select, insert (customer, email, note), update (state, note) on bounced.deletion_requests to anna, "
          "bert");
  execute(url, "set role anna; insert into bounced.deletion_requests (customer, email) values ('c', 'anna@x')");
  execute(url,
          "set role bert; insert into bounced.deletion_requests (customer, email) values ('c', 'bert@x'); "
          "update bounced.deletion_requests set state = 'cancelled'");
  EXPECT_EQ(value("select string_agg(requested_by || ' ' || state, ', ' order by email) from "
                  "bounced.deletion_requests"),
            "anna pending, bert cancelled");
}

TEST_F(Requests, PendingIsCancelledFailedIsQueuedAgainAndNothingElse) {
  for (const char* email : {"p@x", "s@x", "d@x", "f@x"}) queue(email);
  const auto claims = claim(4);
  ASSERT_EQ(claims.size(), 4U);
  finish(claims[0], Kind::released);
  finish(claims[2], Kind::deleted);
  finish(claims[3], Kind::failed);
  ASSERT_EQ(states(), "pending,sending,done,failed");
  const auto set = [&](const char* state, int request) {
    return refusal(
        fmt::format("update bounced.deletion_requests set state = '{}' where request_id = {}", state, request));
  };
  for (const char* state : {"pending", "sending", "done", "failed", "cancelled"}) {
    for (int request = 1; request <= 4; ++request) {
      const std::string now =
          value(fmt::format("select state from bounced.deletion_requests where request_id = {}", request));
      const bool allowed = now == state || (now == "pending" && std::string(state) == "cancelled") ||
                           (now == "failed" && std::string(state) == "pending");
      if (allowed) continue;
      EXPECT_THAT(set(state, request), HasSubstr("cannot be set to")) << now << " to " << state;
    }
  }
  EXPECT_THAT(refusal("update bounced.deletion_requests set email = 'other@x'"),
              HasSubstr("only the state and the note"));
  EXPECT_EQ(refusal("update bounced.deletion_requests set note = 'seen'"), "");
  EXPECT_EQ(set("cancelled", 1), "");
  EXPECT_EQ(set("pending", 4), "");
  EXPECT_EQ(states(), "cancelled,sending,done,pending");
  EXPECT_EQ(value("select attempts from bounced.deletion_requests where request_id = 4"), "0");
  EXPECT_EQ(value("select finished_at is not null from bounced.deletion_requests where request_id = 1"), "t");
}

TEST_F(Requests, BulkCancellingTakesOneUpdateBesideAClaim) {
  execute(
      url,
      "insert into bounced.deletion_requests (customer, email) select 'c', i || '@x' from generate_series(1, 100) i");
  claim(10);
  execute(url, "update bounced.deletion_requests set state = 'cancelled' where customer = 'c' and state = 'pending'");
  EXPECT_EQ(value("select string_agg(state || n, ',' order by state) from (select state, count(*) n from "
                  "bounced.deletion_requests group by 1) s"),
            "cancelled90,sending10");
  EXPECT_TRUE(waiting_customers(session).empty());
}

// ---- claims ----

TEST_F(Requests, AClaimIsCommittedAndTakenOnceInTheOrderOfTheQueue) {
  for (int i = 1; i <= 5; ++i) queue(fmt::format("{}@x", i));
  const auto first = claim(2);
  const auto second = claim(2);
  ASSERT_EQ(first.size() + second.size(), 4U);
  EXPECT_EQ(value("select string_agg(request_id || state, ',' order by request_id) from bounced.deletion_requests"),
            "1sending,2sending,3sending,4sending,5pending");
  EXPECT_NE(first[0].number, first[1].number);
}

TEST_F(Requests, AClaimBeginsAfterTheGivenPlace) {
  for (int i = 1; i <= 3; ++i) queue(fmt::format("{}@x", i));
  const auto first = claim(1);
  finish(first[0], Kind::released);
  const std::vector<Lane> lanes{
      {.customer_id = first[0].customer_id, .account = "main", .after = first[0].position, .places = 5}};
  EXPECT_EQ(claim_requests(session, daemon, lanes).size(), 2U);
}

TEST_F(Requests, NothingIsClaimedForPausedAccountsInactiveCustomersOrBeforeItsTime) {
  queue("a@x");
  execute(url, "update bounced.accounts set paused_until = now() + interval '1 hour'");
  EXPECT_GT(waiting_customers(session).at(0).due_in.count(), 3500);
  EXPECT_TRUE(
      claim_requests(session, daemon, {{.customer_id = 1, .account = "main", .after = {}, .places = 1}}).empty());
  execute(url, "update bounced.accounts set paused_until = null; update bounced.customers set active = false");
  EXPECT_TRUE(waiting_customers(session).empty());
  EXPECT_TRUE(
      claim_requests(session, daemon, {{.customer_id = 1, .account = "main", .after = {}, .places = 1}}).empty());
  execute(url,
          "update bounced.customers set active = true; update bounced.deletion_queue "
          "set next_attempt_at = now() + interval '1 hour'");
  EXPECT_GT(waiting_customers(session).at(0).due_in.count(), 3500);
  EXPECT_TRUE(
      claim_requests(session, daemon, {{.customer_id = 1, .account = "main", .after = {}, .places = 1}}).empty());
}

TEST_F(Requests, ARequestSomebodyHasLockedHoldsUpNoOther) {
  queue("a@x");
  queue("b@x");
  Session person({.url = url, .application = "person"});
  person.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select from bounced.deletion_queue where email = 'a@x' for update");
    const auto claims = claim();
    EXPECT_EQ(claims.size(), 1U);
    EXPECT_EQ(claims.at(0).email, "b@x");
  });
}

TEST_F(Requests, ClaimsOfTheDeadAreFreeAndThoseOfTheLivingAreNot) {
  queue("a@x");
  queue("b@x");
  const std::int64_t other = start_daemon(session, {.host = "there", .pid = 2, .version = "1"});
  claim(1);
  EXPECT_EQ(recover_requests(session, other, {}), 0);
  execute(url, "update bounced.daemons set heartbeat = now() - interval '21 s' where host = 'here'");
  EXPECT_EQ(recover_requests(session, other, {}), 1);
  EXPECT_EQ(value("select state || interruptions || coalesce(claimed_by, 0) from bounced.deletion_requests where email "
                  "= 'a@x'"),
            "pending10");
}

TEST_F(Requests, OnesOwnClaimsThatAreNotInHandAreFree) {
  queue("a@x");
  queue("b@x");
  const auto claims = claim();
  EXPECT_EQ(recover_requests(session, daemon, {claims[0].number}), 1);
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'sending'"), "1");
}

TEST_F(Requests, ADaemonThatStartsTakesOverWhatAGoneOneOfItsMachineHeld) {
  const DaemonFacts facts{.host = "here", .pid = 4711, .version = "1", .machine = "m", .process_start = 5};
  daemon = start_daemon(session, facts);
  queue("a@x");
  ASSERT_EQ(claim().size(), 1U);
  const auto never = [](int, std::int64_t) { return false; };
  const auto gone = [](int pid, std::int64_t start) { return pid == 4711 && start == 5; };
  DaemonFacts elsewhere = facts;
  elsewhere.machine = "other";
  const auto recovered_by = [&](const DaemonFacts& who, const std::function<bool(int, std::int64_t)>& is_gone) {
    return recover_requests(session, start_daemon(session, who, is_gone), {});
  };
  EXPECT_EQ(recovered_by(facts, never), 0);
  EXPECT_EQ(recovered_by(elsewhere, gone), 0);
  EXPECT_EQ(recovered_by(facts, gone), 1);
}

TEST_F(Requests, ADailyLimitHoldsOverDaemonsThatClaimAtTheSameTime) {
  execute(
      url,
      "update bounced.accounts set daily_limit = 25; insert into bounced.deletion_requests (customer, email) select "
      "(array['c', 'd'])[1 + i % 2], i || '@x' from generate_series(1, 100) i");
  const auto waiting = waiting_customers(session);
  std::atomic<std::size_t> claimed = 0;
  std::vector<std::thread> daemons;
  for (int number = 1; number <= 4; ++number) {
    daemons.emplace_back([&, number] {
      Session own({.url = url, .application = "test"});
      // Who finds the account's row locked by another claims nothing: until all is claimed, and some rounds more.
      for (int round = 0, more = 10; more > 0 && round < 10'000; ++round) {
        if (claimed >= 25) --more;
        std::vector<Lane> lanes;
        for (const auto& one : waiting) {
          lanes.push_back(
              {.customer_id = one.customer_id, .account = "main", .after = {}, .places = 1, .limited = one.limited});
        }
        claimed += claim_requests(own, number, lanes).size();
      }
    });
  }
  for (std::thread& one : daemons) one.join();
  EXPECT_EQ(claimed, 25U);
  EXPECT_GT(waiting_customers(session).at(0).due_in.count(), 0);  // until midnight
}

TEST_F(Requests, OldFinishedOnesAreForgottenAndOthersStay) {
  for (const char* email : {"done@x", "failed@x", "new@x", "pending@x"}) queue(email);
  const auto claims = claim(3);
  finish(claims[0], Kind::deleted);
  finish(claims[1], Kind::failed);
  finish(claims[2], Kind::not_listed);
  execute(url, "update bounced.deletion_history set finished_at = now() - interval '2 days' where email <> 'new@x'");
  EXPECT_TRUE(forget_requests(session, std::chrono::hours(24)));
  EXPECT_FALSE(forget_requests(session, std::chrono::hours(24)));
  EXPECT_EQ(states(), "done,pending");
}

// Somebody holds the row of an account that has a daily limit: nothing of it is claimed, and others' requests are.
TEST_F(Requests, AnAccountThatIsHeldHoldsUpNoOther) {
  auto other = of("e");
  other.account = "other";
  register_configuration(session, daemon, {{{"main", "v2", 25}, {"other", "v2"}}, {of("c"), of("d"), other}},
                         Existing::change);
  execute(
      url,
      "insert into bounced.deletion_requests (customer, email) values ('c', 'x@example.org'), ('e', 'x@example.org')");
  std::vector<Lane> lanes;
  for (const WaitingCustomer& one : waiting_customers(session)) {
    lanes.push_back(
        {.customer_id = one.customer_id, .account = one.account, .after = {}, .places = 5, .limited = one.limited});
  }
  ASSERT_EQ(lanes.size(), 2U);
  Session person({.url = url, .application = "somebody"});
  person.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select from bounced.accounts where name = 'main' for update");
    EXPECT_EQ(claim_requests(session, daemon, lanes).size(), 1U);
  });
  EXPECT_EQ(claim_requests(session, daemon, lanes).size(), 1U);
}

}  // namespace
}  // namespace bounced::db
