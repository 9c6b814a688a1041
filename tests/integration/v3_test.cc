// SPDX-License-Identifier: Apache-2.0
// Polls and deletions of customers at v3, and of those that move there.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <mutex>
#include <random>
#include <set>

#include "tests/integration/deletions_fixture.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using simulator::Answer;
using testing::HasSubstr;
using Kind = db::RequestEnd::Kind;

class V3Test : public DeletionsTest {
 protected:
  V3Test() { config.accounts.push_back(account_of_v3("v3")); }

  // From its account to that of v3, as a person does it in the configuration.
  void move(const std::string& customer) {
    for (config::Account& account : config.accounts) {
      std::erase_if(account.customers, [&](const config::Customer& one) { return one.name == customer; });
    }
    config.accounts.back().customers.push_back({customer, {}, customer});
  }

  std::string counts() const {
    return value(
        "select count(*) || ' rows, ' || count(*) filter (where gone_at is null) || ' current, ' || "
        "count(distinct first_seen_at) || ' first seen' from bounced.mirror");
  }

  db::Merged last_merge() const { return recorder.of<sync::PollEnded>().back().merged; }

  // So many calls, with so many addresses each, in the order in which they came.
  std::vector<std::size_t> addresses_of_calls() const {
    std::vector<std::size_t> sizes;
    for (const auto& call : api.calls()) {
      if (call.task() != "delete") continue;
      const bool single = call.body.empty();
      sizes.push_back(single ? 1 : boost::json::parse(call.body).at("emails").as_array().size());
    }
    return sizes;
  }
};

TEST_F(V3Test, ABounceHasTheInstantThatTheApiGives) {
  add_customer("c", "v3");
  api.add("c",
          {.email = "x@example.org", .status = "5.1.1", .reason = " no  such user", .created = "2024-05-06 07:08:09"});
  EXPECT_EQ(poll("c").end, sync::PollResult::End::merged);
  EXPECT_EQ(value("select concat_ws('|', email, bounced_at at time zone 'UTC', status, reason) from bounced.bounces"),
            "x@example.org|2024-05-06 14:08:09|5.1.1|no such user");
  EXPECT_EQ(value("select time_zone from bounced.customers"), "");
  api.remove("c", "x@example.org");
  poll("c");
  EXPECT_EQ(value("select gone_because from bounced.bounces"), "disappeared");
}

TEST_F(V3Test, ACustomerOfAHundredThousandThatMovesGainsAndLosesNothing) {
  add_customer("big", "xml");
  api.generate("big", 11, 100'000);
  ASSERT_EQ(poll("big").end, sync::PollResult::End::merged);
  const std::string before = counts();
  move("big");
  api.set_style("big", {.v3_spacing = true});
  ASSERT_EQ(poll("big").end, sync::PollResult::End::merged);
  EXPECT_EQ(counts(), before);
  EXPECT_EQ(last_merge().added, 0);
  EXPECT_EQ(last_merge().disappeared + last_merge().superseded, 0);
  EXPECT_GT(last_merge().changed, 0);  // times in the hours that clocks repeat, and nothing else
  EXPECT_LT(last_merge().changed, 100);
  EXPECT_EQ(value("select time_zone from bounced.customers where name = 'big'"), "");  // instants from now on
  ASSERT_EQ(poll("big").end, sync::PollResult::End::merged);
  EXPECT_FALSE(last_merge().changed_something());
  // What changes later is seen as ever.
  api.remove_some("big", 3);
  api.add_some("big", 2);
  ASSERT_EQ(poll("big").end, sync::PollResult::End::merged);
  EXPECT_EQ(last_merge().added, 2);
  EXPECT_EQ(last_merge().disappeared, 3);
}

// The clocks of Los Angeles showed 01:30 twice that day. PostgreSQL reads it as the second, the simulator means the
// first.
TEST_F(V3Test, ATimeThatWasReadAsTheOtherOfTwoIsCorrected) {
  add_customer("c");
  const std::string twice = "2023-11-05 01:30:00";
  api.add("c", {.email = "x@example.org", .created = twice});
  api.add("c", {.email = "y@example.org", .created = twice});
  poll("c");
  EXPECT_EQ(value("select distinct bounced_at at time zone 'UTC' from bounced.mirror"), "2023-11-05 09:30:00");
  move("c");
  api.remove("c", "y@example.org");
  poll("c");
  EXPECT_EQ(value("select string_agg(concat_ws('|', email, bounced_at at time zone 'UTC', gone_because), ', ' order by "
                  "email) from bounced.mirror"),
            "x@example.org|2023-11-05 08:30:00, y@example.org|2023-11-05 09:30:00|disappeared");
}

// The account's setting was wrong all the time, and nobody noticed.
TEST_F(V3Test, TimesThatWereReadInAWrongZoneAreCorrectedByTheMove) {
  config.accounts.front().time_zone = "Asia/Kolkata";
  add_customer("c");
  api.generate("c", 5, 30'000);
  poll("c");
  const std::string before = counts();
  move("c");
  poll("c");
  EXPECT_EQ(counts(), before);
  EXPECT_EQ(last_merge().added, 0);
  EXPECT_EQ(last_merge().changed, 30'000);
  EXPECT_FALSE(last_merge().held);
  // After that, a later bounce of an address is another one.
  const auto bounce = api.at("c", 0);
  api.remove("c", *bounce->email);
  api.add("c", {.email = bounce->email, .created = "2024-12-30 07:08:09"});
  poll("c");
  EXPECT_GE(last_merge().superseded, 1);
}

// Also where the account itself is another API's now, and its polls are recent ones.
TEST_F(V3Test, TheFirstPollWithInstantsIsAFullOne) {
  config.accounts.front().time_zone = "Asia/Kolkata";
  add_customer("c");
  api.add_some("c", 30);
  poll("c");
  config.accounts.front().api = config::Api::v3;
  config.accounts.front().time_zone.clear();
  EXPECT_EQ(poll("c", false).end, sync::PollResult::End::merged);
  EXPECT_EQ(last_merge().added, 0);
  EXPECT_EQ(last_merge().changed, 30);
  EXPECT_EQ(counts(), "30 rows, 30 current, 1 first seen");
}

TEST_F(V3Test, AListThatIsNotProvenWholeAddsAndRemovesNothing) {
  add_customer("c", "v3");
  api.generate("c", 5, 1'500);
  poll("c");
  api.remove_some("c", 10);
  api.add_some("c", 4);
  api.set_v3({.exclusive_end = true});
  EXPECT_THAT(poll("c").message, HasSubstr("not known to be whole"));
  EXPECT_GE(last_merge().added, 4);
  EXPECT_EQ(last_merge().disappeared, 0);
  EXPECT_THAT(value("select last_error from bounced.customers"), HasSubstr("nothing is taken for gone"));
  api.set_v3({});
  poll("c");
  EXPECT_EQ(last_merge().disappeared, 10);
  EXPECT_EQ(value("select last_error from bounced.customers"), "null");
}

// Addresses come and go between the pages of each poll. BOUNCED_SEED makes others.
TEST_F(V3Test, WhatStandsAllTheTimeIsNeverGone) {
  const char* const given = std::getenv("BOUNCED_SEED");
  std::minstd_rand random(given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 1U);
  add_customer("c", "v3");
  api.generate("c", 5, 3'000);
  std::set<std::string> left;
  std::mutex mutex;
  api.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    const std::lock_guard lock(mutex);
    for (auto i = random() % 6; i > 0; --i) {
      const auto bounce = api.at("c", random() % 3'000);
      if (!bounce) continue;
      api.remove("c", *bounce->email);
      left.insert(*bounce->email);
    }
    api.add_some("c", random() % 4);
    return std::nullopt;
  });
  for (int i = 0; i < 12; ++i) ASSERT_EQ(poll("c").end, sync::PollResult::End::merged);
  api.set_hook({});
  ASSERT_EQ(poll("c").end, sync::PollResult::End::merged);
  std::set<std::string> gone;
  for (const Row& row : query(url, "select distinct email from bounced.bounces where gone_at is not null")) {
    gone.insert(*row[0]);
  }
  EXPECT_FALSE(gone.empty());
  EXPECT_TRUE(std::ranges::includes(left, gone));
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), std::to_string(api.size("c")));
}

// The account is paused in the midst of a read, by a call for another customer, say.
TEST_F(V3Test, AReadThatGetsNoMoreTurnsEndsWithoutAWord) {
  add_customer("c", "v3");
  api.generate("c", 5, 1'500);
  config.accounts.back().rate_limit = {.requests = 600, .per = 60s};
  api.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    execute(
        url,
        "update bounced.accounts set paused_until = now() + interval '10 min', paused_because = 'x' where name = 'v3'");
    return std::nullopt;
  });
  EXPECT_EQ(poll("c").end, sync::PollResult::End::account_fault);
  EXPECT_EQ(value("select count(*) || ' ' || max(failures) || ' ' || count(claimed_by) from bounced.customers"),
            "1 0 0");
  EXPECT_EQ(value("select count(*) from bounced.mirror"), "0");
}

// What was read of a long list is not thrown away: the read goes on after a short pause, and one of deletions is none
// of its business.
TEST_F(V3Test, ALongReadWaitsOutAShortPause) {
  add_customer("c", "v3");
  api.generate("c", 5, 1'500);
  config.accounts.back().rate_limit = {.requests = 600, .per = 60s};
  bool paused = false;
  api.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    if (std::exchange(paused, true)) return std::nullopt;
    execute(url,
            "update bounced.accounts set call_pauses = jsonb_build_object("
            "'deletions', jsonb_build_object('at', now(), 'until', now() + interval '10 min'), "
            "'lists', jsonb_build_object('at', now(), 'until', now() + interval '1 s')) where name = 'v3'");
    return std::nullopt;
  });
  EXPECT_EQ(poll("c").end, sync::PollResult::End::merged);
  EXPECT_EQ(value("select count(*) from bounced.mirror"), std::to_string(api.size("c")));
  EXPECT_EQ(value("select paused_calls from bounced.accounts where name = 'v3'"), "deletions");
}

TEST_F(V3Test, ARefusalOfManyAddressesIsNotEachOnes) {
  add_customer("c", "v3");
  queue_many("c", 300);
  api.answer({.task = simulator::Task::remove},
             {.status = 403, .body = R"({"errors":[{"field":null,"message":"access forbidden"}]})"}, 0);
  drain();
  EXPECT_EQ(count_of("pending"), "300");
}

TEST_F(V3Test, RequestsOfACustomerGoTogether) {
  add_customer("c", "v3");
  add_customer("d", "v3");
  add_customer("v2");
  for (const std::string customer : {"c", "d", "v2"}) {
    api.generate(customer, 9, 1'000);
    poll(customer);
  }
  execute(
      url,
      "insert into bounced.deletion_requests (customer, email) select customer, email from (select distinct customer, "
      "email from bounced.current_bounces where customer = 'c' union all select 'd', min(email) from "
      "bounced.current_bounces where customer = 'd') s");
  queue("v2", value("select min(email) from bounced.current_bounces where customer = 'v2'"));
  api.forget_calls();
  drain();
  EXPECT_EQ(count_of("done"), value("select count(*) from bounced.deletion_requests"));
  EXPECT_EQ(api.size("c"), 0U);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces where customer = 'c'"), "0");
  EXPECT_EQ(value("select string_agg(distinct gone_because, ',') from bounced.bounces where customer = 'c'"),
            "deleted");
  EXPECT_LE(addresses_of_calls().size(), 22U);
}

// The API has carried it out, or not: nobody knows. Each address is asked for again by itself, and that answer counts.
TEST_F(V3Test, WhatACallOfManyLeavesUnsureIsFoundOutOneByOne) {
  add_customer("c", "v3");
  api.generate("c", 9, 50);
  poll("c");
  execute(url,
          "insert into bounced.deletion_requests (customer, email) select distinct customer, email from "
          "bounced.current_bounces limit 20");
  queue("c", "never@example.org");
  api.answer({.task = simulator::Task::remove}, {.reset_request = true});
  drain();
  EXPECT_EQ(count_of("pending"), "21");
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), value("select count(*) from bounced.mirror"));
  execute(url, "update bounced.deletion_queue set next_attempt_at = now()");
  api.forget_calls();
  drain();
  EXPECT_THAT(addresses_of_calls(), testing::Each(1U));
  EXPECT_EQ(count_of("done"), "21");
  EXPECT_EQ(value("select string_agg(distinct gone_because, ',') from bounced.bounces where gone_at is not null"),
            "deleted");
  EXPECT_EQ(value("select outcome from bounced.deletion_requests where email = 'never@example.org'"), "not_listed");
}

TEST_F(V3Test, OneAddressThatIsRefusedHoldsUpNoOther) {
  add_customer("c", "v3");
  queue_many("c", 10);
  api.set_hook([&](const simulator::Call& call) -> std::optional<Answer> {
    const bool has_it = call.body.find("x3@") != std::string::npos || call.path.find("x3%40") != std::string::npos;
    if (call.task() != "delete" || !has_it) return std::nullopt;
    return Answer{.status = 400, .body = R"({"errors":[{"field":"emails","message":"not an address"}]})"};
  });
  drain();
  drain();
  EXPECT_EQ(count_of("done"), "9");
  EXPECT_THAT(value("select email || last_error from bounced.deletion_requests where state = 'failed'"),
              testing::AllOf(HasSubstr("x3@"), HasSubstr("not an address")));
}

TEST_F(V3Test, ACallOfManyThatMeetsARateLimitUsesUpNoAttempt) {
  add_customer("c", "v3");
  queue_many("c", 300);
  api.answer({}, {.status = 429, .body = R"({"errors":[{"field":null,"message":"too many requests"}]})"}, 0);
  drain();
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'pending' and attempts = 0"), "300");
  EXPECT_EQ(recorder.of<sync::AccountPaused>().size(), 1U);
}

TEST_F(V3Test, ARowEditedAroundTheChecksIsInNoCall) {
  add_customer("c", "v3");
  queue_many("c", 6);
  execute(url,
          "alter table bounced.deletion_queue drop constraint \"the email is blank\", "
          "drop constraint \"the email has control characters\"; "
          "update bounced.deletion_queue set email = (array['', ' ', 'a@example.org', U&'\\200b', e'\\t\\n', "
          "'b@example.org'])[request_id]");
  drain();
  EXPECT_EQ(count_of("failed"), "4");
  EXPECT_EQ(count_of("done"), "2");
  for (const auto& call : api.calls()) {
    EXPECT_TRUE(call.body.empty() || call.body == R"({"emails":["a@example.org","b@example.org"]})") << call.body;
  }
}

}  // namespace
}  // namespace bounced::test
