// SPDX-License-Identifier: Apache-2.0
// Deletion requests from the queue to the API and back.
#include "tests/integration/deletions_fixture.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using simulator::Answer;
using testing::HasSubstr;
using Kind = db::RequestEnd::Kind;

simulator::Calls deletions_of(const std::string& customer) {
  return {.customer = customer, .task = simulator::Task::remove};
}

TEST_F(DeletionsTest, TakesTheAddressOffTheListAndMarksTheMirror) {
  for (const std::string account : {"json", "xml"}) {
    const std::string customer = "of-" + account;
    add_customer(customer, account);
    have_listed(customer, {"a+b@example.com", "c@example.com"});
    queue(customer, "a+b@example.com");
    queue(customer, "never@example.com");
    drain();
    EXPECT_EQ(api.size(customer), 1U);
    const std::string of = " where customer = '" + customer + "'";
    EXPECT_EQ(value("select string_agg(state || ' ' || outcome || ' ' || attempts, ', ' order by request_id) from "
                    "bounced.deletion_requests" +
                    of),
              "done deleted 0, done not_listed 0");
    EXPECT_EQ(value("select string_agg(email || ' ' || coalesce(gone_because, 'current'), ', ' order by email) from "
                    "bounced.bounces" +
                    of),
              "a+b@example.com deleted, c@example.com current");
    EXPECT_EQ(value("select count(*) from bounced.deletion_requests r join bounced.mirror m using (email) where "
                    "gone_at = finished_at and last_seen_at < gone_at and requested_at <= claimed_at and claimed_at <= "
                    "finished_at and r.customer = '" +
                    customer + "'"),
              "1");
  }
}

TEST_F(DeletionsTest, AllBouncesOfTheAddressAreGone) {
  add_customer("c");
  api.add("c", {.email = "x@example.com", .created = "2024-05-06 07:08:09"});
  api.add("c", {.email = "x@example.com", .created = "2024-05-07 07:08:09"});
  poll("c");
  queue("c", "x@example.com");
  drain();
  EXPECT_EQ(value("select count(*) from bounced.bounces where gone_because = 'deleted'"), "2");
}

TEST_F(DeletionsTest, WhatSomebodyElseTookOffHasDisappeared) {
  add_customer("c");
  have_listed("c", {"x@example.com"});
  api.remove("c", "x@example.com");
  queue("c", "x@example.com");
  drain();
  EXPECT_EQ(value("select outcome from bounced.deletion_requests"), "not_listed");
  EXPECT_EQ(value("select gone_because from bounced.bounces"), "disappeared");
}

TEST_F(DeletionsTest, WhatOurUnansweredCallTookOffIsDeleted) {
  add_customer("c");
  have_listed("c", {"x@example.com"});
  // The API does it, and the answer is lost.
  api.set_hook([&](const simulator::Call& call) -> std::optional<Answer> {
    if (call.task() != "delete" || api.size("c") == 0) return std::nullopt;
    api.remove("c", "x@example.com");
    return Answer{.status = 502, .body = "<html><title>Bad Gateway</title></html>"};
  });
  queue("c", "x@example.com");
  drain();
  EXPECT_EQ(value("select state || attempts from bounced.deletion_requests"), "pending1");
  EXPECT_EQ(value("select gone_at from bounced.bounces"), "null");
  execute(url, "update bounced.deletion_queue set next_attempt_at = now()");
  drain();
  EXPECT_EQ(value("select state || ' ' || outcome from bounced.deletion_requests"), "done not_listed");
  EXPECT_EQ(value("select gone_because from bounced.bounces"), "deleted");
}

TEST_F(DeletionsTest, AFaultThatMayPassIsTriedAgainLaterAndGivenUpInTheEnd) {
  add_customer("c");
  config.deletions.max_attempts = 3;
  api.answer(deletions_of("c"), {.status = 500, .body = "{\"error\":\"oops\"}"}, 0);
  queue("c", "x@example.com");
  for (int attempt = 1; attempt <= 2; ++attempt) {
    drain();
    EXPECT_EQ(value("select state || attempts from bounced.deletion_requests"), fmt::format("pending{}", attempt));
    EXPECT_EQ(value("select next_attempt_at between now() + interval '3 s' and now() + interval '25 s' from "
                    "bounced.deletion_requests"),
              "t");
    EXPECT_THAT(value("select last_error from bounced.deletion_requests"), HasSubstr("oops"));
    execute(url, "update bounced.deletion_queue set next_attempt_at = now()");
  }
  drain();
  EXPECT_EQ(value("select state || attempts from bounced.deletion_requests"), "failed3");
  EXPECT_THAT(value("select last_error from bounced.deletion_requests"), HasSubstr("given up after 3 attempts"));
  // A person queues it again, when the API is well.
  api.clear_answers();
  execute(url, "update bounced.deletion_requests set state = 'pending' where state = 'failed'");
  drain();
  EXPECT_EQ(value("select state || attempts || coalesce(last_error, '') from bounced.deletion_requests"), "done0");
}

// A call that hangs holds up one place until its deadline, and then waits for its next attempt like any other fault.
TEST_F(DeletionsTest, ASilentApiIsTriedAgainAndHoldsUpNoOtherAccount) {
  add_customer("silent");
  add_customer("good", "xml");
  deadlines.first_byte = 300ms;
  Answer silence;
  silence.hold_head = true;
  api.answer(deletions_of("silent"), silence, 0);
  queue_many("silent", 2);
  queue_many("good", 20);
  drain();
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'pending' and attempts = 1"), "2");
  EXPECT_THAT(value("select min(last_error) from bounced.deletion_requests"), HasSubstr("unavailable: "));
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'done' and customer = 'good'"), "20");
}

TEST_F(DeletionsTest, ARefusalIsFailedAtOnceWithTheWordsOfTheApi) {
  add_customer("c");
  api.answer(deletions_of("c"), {.status = 200, .body = "{\"message\":\"that list is frozen\"}"});
  queue("c", "x@example.com");
  drain();
  EXPECT_EQ(count_of("failed"), "1");
  EXPECT_THAT(value("select last_error from bounced.deletion_requests"), HasSubstr("that list is frozen"));
}

// A page of a proxy says nothing about the requests. It would say the same to each of them: the account's deletions
// wait.
TEST_F(DeletionsTest, AForeignPageFailsNoRequestAndPutsTheBrakeOn) {
  for (const auto& [status, location] : {std::pair(403, ""), {404, ""}, {302, "https://login.example/"}, {200, ""}}) {
    SCOPED_TRACE(status);
    const std::string c = fmt::format("c{}", status);
    const std::string d = fmt::format("d{}", status);
    add_customer(c);
    add_customer(d);
    execute(url, "update bounced.accounts set call_pauses = '{}'; delete from bounced.deletion_requests");
    recorder.events.clear();
    api.clear_answers();
    api.answer(
        {.task = simulator::Task::remove},
        {.status = status, .body = "<html><title>Access forbidden</title></html>", .headers = {{"Location", location}}},
        0);
    api.forget_calls();
    queue_many(c, 300);
    queue_many(d, 300);
    drain();
    EXPECT_EQ(count_of("pending"), "600");
    EXPECT_LE(api.calls().size(), 5U + static_cast<std::size_t>(config.accounts[0].concurrency));
    const auto pauses = recorder.of<sync::AccountPaused>();
    ASSERT_EQ(pauses.size(), 1U);
    EXPECT_EQ(pauses[0].calls, "deletions");
    EXPECT_EQ(poll(c).end, sync::PollResult::End::merged);
  }
}

TEST_F(DeletionsTest, OneCustomersForeignPagesHoldUpNobodyElse) {
  add_customer("c");
  add_customer("good");
  api.answer(deletions_of("c"), {.status = 403, .body = "<html><title>Blocked</title></html>"}, 0);
  queue_many("c", 300);
  queue_many("good", 30);
  drain();
  EXPECT_EQ(count_of("done"), "30");
  EXPECT_EQ(count_of("pending"), "300");
  std::size_t calls = 0;
  for (const auto& call : api.calls()) calls += call.customer() == "c" ? 1 : 0;
  EXPECT_LE(calls, 3U + static_cast<std::size_t>(config.accounts[0].concurrency));
  EXPECT_TRUE(recorder.of<sync::AccountPaused>().empty());
}

// A key without the right to delete: that is the account's trouble, and is told.
TEST_F(DeletionsTest, ARefusalOfEverythingIsNotEachRequestsFailure) {
  add_customer("c");
  add_customer("d");
  api.answer({.task = simulator::Task::remove},
             {.status = 403, .body = R"({"errors":[{"field":null,"message":"access forbidden"}]})"}, 0);
  queue_many("c", 300);
  queue_many("d", 300);
  drain();
  EXPECT_EQ(count_of("pending"), "600");
  EXPECT_EQ(value("select paused_calls || ' ' || paused_kind from bounced.accounts where name = 'json'"),
            "deletions not_permitted");
  EXPECT_EQ(poll("c").end, sync::PollResult::End::merged);
  // The key has the right now: all that waited is carried out.
  api.clear_answers();
  execute(url,
          "update bounced.accounts set call_pauses = '{}'; update bounced.deletion_queue set next_attempt_at = now()");
  drain();
  EXPECT_EQ(count_of("done"), "600");
}

// The first call was carried out, its answer was lost, and the second one met a limit: the third finds nothing.
TEST_F(DeletionsTest, WhatWasSentTwiceBeforeALimitIsOurDoing) {
  add_customer("c");
  config.accounts[0].concurrency = 1;
  have_listed("c", {"x@example.com"});
  int calls_for_it = 0;
  api.set_hook([&](const simulator::Call& call) -> std::optional<Answer> {
    if (call.task() != "delete" || call.parameter("email") != "x@example.com" || ++calls_for_it > 2)
      return std::nullopt;
    if (calls_for_it == 2) return Answer{.status = 429, .body = R"({"error":"too many requests"})"};
    api.remove("c", "x@example.com");
    Answer reset;
    reset.reset_request = true;
    return reset;
  });
  queue("c", "first@example.com");  // its connection is kept
  queue("c", "x@example.com");
  drain();
  EXPECT_EQ(calls_for_it, 2);
  EXPECT_EQ(value("select state || attempts || interruptions from bounced.deletion_requests where email ~ 'x@'"),
            "pending01");
  execute(url, "update bounced.accounts set call_pauses = '{}'");
  drain();
  EXPECT_EQ(value("select outcome from bounced.deletion_requests where email ~ 'x@'"), "not_listed");
  EXPECT_EQ(value("select gone_because from bounced.bounces where email ~ 'x@'"), "deleted");
}

// Whatever becomes of writing it down, the account's other requests go on when the limit is over.
TEST_F(DeletionsTest, APauseThatCannotBeWrittenHoldsTheCustomerOnly) {
  add_customer("c");
  execute(url,
          "create function bounced.deny() returns trigger language plpgsql as "
          "$$ begin raise exception 'denied'; end $$; "
          "create trigger deny before update of call_pauses on bounced.accounts for each row execute function "
          "bounced.deny()");
  api.answer({.task = simulator::Task::remove}, {.status = 429, .body = R"({"error":"too many requests"})"}, 0);
  queue_many("c", 50);
  drain();
  EXPECT_EQ(count_of("pending"), "50");
  EXPECT_LE(api.calls().size(), static_cast<std::size_t>(config.accounts[0].concurrency) + 1);
  EXPECT_EQ(recorder.of<sync::CustomerHeld>().size(), 1U);
  api.clear_answers();
  execute(url, "drop trigger deny on bounced.accounts");
  drain();
  EXPECT_EQ(count_of("done"), "50");
}

TEST_F(DeletionsTest, AnAccountsFaultPausesItAndUsesUpNoAttempt) {
  add_customer("c");
  add_customer("good", "xml");
  have_listed("good", {"x1@example.org"});
  queue_many("c", 100);
  queue_many("good", 1);
  api.answer(deletions_of("c"),
             {.status = 429, .body = "{\"error\":\"too many requests\"}", .headers = {{"Retry-After", "600"}}}, 0);
  drain();
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'pending' and attempts = 0 and "
                  "interruptions = 0"),
            "100");
  EXPECT_EQ(value("select paused_until > now() + interval '500 s' from bounced.accounts where name = 'json'"), "t");
  EXPECT_EQ(value("select state from bounced.deletion_requests where customer = 'good'"), "done");
  EXPECT_EQ(recorder.of<sync::AccountPaused>().size(), 1U);
  // Only those calls that were in flight already met it.
  EXPECT_LE(api.calls().size(), 1U + static_cast<std::size_t>(config.accounts[0].concurrency));
}

TEST_F(DeletionsTest, NoCallIsMadeForARowThatWasEditedAroundTheChecks) {
  add_customer("c");
  have_listed("c", {"a@example.com", "b@example.com"});
  queue_many("c", 6);
  execute(url,
          "alter table bounced.deletion_queue drop constraint \"the email is blank\", "
          "drop constraint \"the email has control characters\"; "
          "update bounced.deletion_queue set email = (array['', ' ', U&'\\00a0\\3000', U&'\\200b', e'\\t\\n', "
          "U&'\\0001'])[request_id]");
  drain();
  EXPECT_EQ(api.size("c"), 2U);
  EXPECT_EQ(api.calls().size(), 0U);
  EXPECT_EQ(count_of("failed"), "6");
  EXPECT_THAT(value("select min(last_error) from bounced.deletion_requests"), HasSubstr("email"));
}

TEST_F(DeletionsTest, IsWokenAndKeepsSoManyCallsInFlight) {
  add_customer("c");
  config.accounts[0].concurrency = 5;
  config.deletions.concurrency = 5;
  Answer held;
  held.hold_head = true;
  api.answer(deletions_of("c"), held, 0);
  beside_deletions([&](sync::Deletions& deletions, sync::Wakeup& happened, Daemon&) -> asio::awaitable<void> {
    queue_many("c", 30);
    deletions.wake();
    while (api.counters().held < 5) co_await happened.wait(10ms);
    EXPECT_EQ(api.counters().calls, 5U);
    api.clear_answers();
    api.release();
    while (ended(Kind::not_listed) < 30) co_await happened.wait(1s);
  });
  EXPECT_EQ(count_of("done"), "30");
  EXPECT_EQ(api.calls().size(), 30U);
}

TEST_F(DeletionsTest, OneCustomersMillionDoesNotHoldUpAnothersOne) {
  add_customer("big");
  add_customer("small");
  queue_many("big", 3000);
  bool told = false;
  std::size_t before = 0;  // calls until the small one was queued
  api.set_hook([&](const simulator::Call& call) -> std::optional<Answer> {
    std::this_thread::sleep_for(1ms);  // a slow API
    if (call.customer() == "small") told = true;
    return std::nullopt;
  });
  beside_deletions([&](sync::Deletions& deletions, sync::Wakeup& happened, Daemon&) -> asio::awaitable<void> {
    while (ended(Kind::not_listed) < 100) co_await happened.wait(1s);
    queue("small", "x@example.com");
    before = api.calls().size();
    deletions.wake();
    while (value("select state from bounced.deletion_requests where customer = 'small'") != "done") {
      co_await happened.wait(10ms);
    }
    while (ended(Kind::not_listed) < 3001) co_await happened.wait(1s);
  });
  const auto calls = api.calls();
  const auto small =
      std::find_if(calls.begin(), calls.end(), [](const auto& call) { return call.customer() == "small"; });
  // What was called while the INSERT was on its way counts too.
  EXPECT_LT(static_cast<std::size_t>(small - calls.begin()), before + 60);
  EXPECT_TRUE(told);
}

TEST_F(DeletionsTest, StoppingEndsCallsAndLeavesNothingInHand) {
  add_customer("c");
  have_listed("c", {"x1@example.org"});
  Answer held;
  held.hold_head = true;
  api.answer(deletions_of("c"), held, 0);
  beside_deletions([&](sync::Deletions& deletions, sync::Wakeup& happened, Daemon&) -> asio::awaitable<void> {
    queue_many("c", 40);
    deletions.wake();
    while (api.counters().held < 4) co_await happened.wait(10ms);
    deletions.stop();
    // The calls in flight may still end.
    co_await happened.wait(50ms);
    api.release();
  });
  EXPECT_EQ(count_of("sending"), "0");
  EXPECT_EQ(count_of("done"), "4");
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'pending' and interruptions = 0"),
            "36");
}

TEST_F(DeletionsTest, TheDailyLimitHoldsOverDaemonsAndCountsDeletionsOnly) {
  add_customer("c");
  add_customer("d");
  have_listed("c", {"x1@example.org", "x2@example.org", "x3@example.org", "x4@example.org", "x5@example.org"});
  have_listed("d", {"x1@example.org", "x2@example.org", "x3@example.org"});
  config.accounts[0].daily_deletion_limit = 4;
  queue("c", "not-listed@example.org");
  queue_many("c", 5);
  queue_many("d", 3);
  drain();
  drain();
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where outcome = 'deleted'"), "4");
  EXPECT_EQ(value("select deletions_count from bounced.accounts where name = 'json'"), "4");
  EXPECT_EQ(count_of("pending"), fmt::format("{}", 9 - std::stoi(count_of("done"))));
  // The next day.
  execute(url, "update bounced.accounts set deletions_day = deletions_day - 1");
  drain();
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where outcome = 'deleted'"), "8");
  EXPECT_EQ(count_of("pending"), "0");
}

TEST_F(DeletionsTest, ACustomerOfAnotherConfigurationIsLeftAlone) {
  add_customer("c");
  queue("c", "x@example.com");
  config.accounts[0].customers.clear();
  execute(url, "update bounced.customers set active = true");
  drain();
  EXPECT_EQ(api.calls().size(), 0U);
}

}  // namespace
}  // namespace bounced::test
