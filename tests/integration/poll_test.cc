// SPDX-License-Identifier: Apache-2.0
// Polls from the API over TLS into PostgreSQL.
#include "db/accounts.h"
#include "db/pqxx_compat.h"
#include "db/session.h"
#include "tests/integration/poll_fixture.h"

namespace bounced::test {
namespace {

using simulator::Answer;
using simulator::Ending;
using simulator::Framing;
using simulator::Gzip;
using sync::PollResult;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using End = PollResult::End;

simulator::Bounce bounce(const std::string& email, const std::string& reason = "550 no such user") {
  return {.email = email, .status = "5.1.1", .reason = reason, .created = "2024-05-06 07:08:09"};
}

TEST_F(PollTest, JsonAndXmlPlainAndGzipOfOneListAreTheSameRows) {
  const std::vector<std::pair<std::string, Gzip>> ways = {
      {"json", Gzip::never}, {"json", Gzip::always}, {"xml", Gzip::never}, {"xml", Gzip::always}};
  for (std::size_t i = 0; i < ways.size(); ++i) {
    add_customer(fmt::format("c{}", i), ways[i].first);
    api.generate(fmt::format("c{}", i), /*seed=*/7, /*count=*/3000);
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    api.set_gzip(ways[i].second);
    ASSERT_EQ(poll(fmt::format("c{}", i)).end, End::merged);
  }
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "12000");
  EXPECT_EQ(value("select count(*) from (select email, status, reason, bounced_at from bounced.current_bounces "
                  "group by 1, 2, 3, 4 having count(distinct customer) = 4) s"),
            "3000");
}

TEST_F(PollTest, AsksForWhatIsDue) {
  add_customer("a+b@example.com", "json", {.recent_days = 3});
  ASSERT_EQ(poll("a+b@example.com").end, End::merged);
  ASSERT_EQ(poll("a+b@example.com", /*full=*/false).end, End::merged);
  const auto calls = api.calls();
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0].customer(), "a+b@example.com");
  EXPECT_EQ(calls[0].parameter("date"), "1");
  EXPECT_FALSE(calls[0].has_parameter("days"));
  EXPECT_EQ(calls[1].parameter("days"), "3");
}

TEST_F(PollTest, AServerThatIgnoresDaysDoesNoHarm) {
  add_customer("c", "json", {.recent_days = 1});
  api.set_days(simulator::Days::ignore);
  api.set("c", {bounce("a@example.com"), bounce("b@example.com")});
  poll("c");
  api.set("c", {bounce("b@example.com")});
  EXPECT_EQ(poll("c", /*full=*/false).end, End::merged);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "2");
}

// ---- nothing but a list known to be complete changes anything ----

struct Spoilt {
  std::string name;
  Answer answer;
};

class SpoiltAnswers : public PollTest, public testing::WithParamInterface<std::string> {
 protected:
  // Polls under each of the answers; the mirror must stay as it was, byte for byte, and a good answer must do after.
  void expect_nothing_changes(const std::vector<Spoilt>& answers) {
    add_customer("c", GetParam());
    api.set("c", {bounce("a@example.com"), bounce("b@example.com", "<b> &amp; \"quoted\""), bounce("c@example.com")});
    with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
      EXPECT_EQ((co_await daemon.poll("c")).end, End::merged);
      const std::string before = mirror();
      const std::string believed = value("select last_full_at::text || last_poll_at from bounced.customers");
      for (const Spoilt& spoilt : answers) {
        api.answer({}, spoilt.answer, /*times=*/0);
        const PollResult result = co_await daemon.poll("c");
        EXPECT_TRUE(result.end == End::failed || result.end == End::account_fault) << spoilt.name;
        EXPECT_FALSE(result.message.empty()) << spoilt.name;
        EXPECT_THAT(result.message, testing::Not(HasSubstr("secret-key"))) << spoilt.name;
        EXPECT_EQ(mirror(), before) << spoilt.name;
        api.clear_answers();
      }
      EXPECT_EQ(value("select last_full_at::text || last_poll_at from bounced.customers"), believed);
      EXPECT_EQ((co_await daemon.poll("c")).end, End::merged);
      EXPECT_EQ(mirror(), before);
    });
    EXPECT_THAT(value("select coalesce(string_agg(p::text, ''), '') || (select string_agg(c::text, '') from "
                      "bounced.customers c) from bounced.polls p"),
                testing::Not(HasSubstr("secret-key")));
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, SpoiltAnswers, testing::Values("json", "xml"),
                         [](const auto& format) { return format.param; });

TEST_P(SpoiltAnswers, EveryShapeOfError) {
  const std::vector<std::string> bodies = {
      R"({"error":"something went wrong"})",
      R"({"error":{"code":401,"message":"Permission denied, wrong credentials"}})",
      R"({"errors":["one","two"],"message":"error"})",
      R"(<result><message>error</message><errors><error>one</error></errors></result>)",
      R"({"errors":[{"field":null,"message":"authorization required"}]})",
      R"({"message":"Permission denied, not authorized"})",
      R"({})",
      "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
      "upstream connect error",
      "",
      "[1,2,3]",
      "[[]]",
      R"([{"status":"550"}])",
      "<bounces><bounce><status>550</status></bounce></bounces>",
      "<bounces/><bounces/>",
      "[] []",
      "null",
      "true",
  };
  std::vector<Spoilt> answers;
  for (const std::string& body : bodies) {
    for (const int status : {200, 400, 401, 403, 404, 429, 500, 502}) {
      for (const std::string type : {"application/json", "text/html"}) {
        answers.push_back(
            {fmt::format("{} {} {}", status, type, body), {.status = status, .body = body, .content_type = type}});
      }
    }
  }
  expect_nothing_changes(answers);
}

TEST_P(SpoiltAnswers, AListWithAnotherStatusThan200) {
  std::vector<Spoilt> answers;
  for (const int status : {201, 202, 203, 206, 301, 302, 304, 307, 400, 500, 503}) {
    answers.push_back(
        {fmt::format("{}", status), {.status = status, .headers = {{"Location", "https://example.com/"}}}});
  }
  expect_nothing_changes(answers);
}

TEST_P(SpoiltAnswers, CutAnywhere) {
  std::vector<Spoilt> answers;
  // 89 and 3 bytes apart: every kind of place, and the last ones all.
  for (std::uint64_t cut : {0, 1, 2, 3, 40, 89, 178, 267, 300, 310, 320}) {
    for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
      for (const Ending ending : {Ending::honest, Ending::broken_off, Ending::cut_off, Ending::reset}) {
        answers.push_back(
            {fmt::format("cut {} framing {} ending {}", cut, static_cast<int>(framing), static_cast<int>(ending)),
             {.framing = framing, .gzip = Gzip::never, .cut_document = cut, .ending = ending}});
      }
    }
  }
  expect_nothing_changes(answers);
}

TEST_P(SpoiltAnswers, WholeDocumentsWhoseEndIsNotHonest) {
  std::vector<Spoilt> answers;
  for (const Gzip gzip : {Gzip::never, Gzip::always}) {
    for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
      for (const Ending ending : {Ending::broken_off, Ending::cut_off, Ending::reset}) {
        // Until the connection closes, TLS's own close is an honest end.
        if (framing == Framing::until_close && ending == Ending::broken_off) continue;
        answers.push_back({fmt::format("framing {} ending {}", static_cast<int>(framing), static_cast<int>(ending)),
                           {.framing = framing, .gzip = gzip, .ending = ending}});
      }
    }
  }
  answers.push_back({"gzip without its end", {.gzip = Gzip::cut_short}});
  answers.push_back({"gzip with a wrong checksum", {.gzip = Gzip::wrong_checksum}});
  answers.push_back({"gzip cut", {.gzip = Gzip::always, .cut = 60}});
  answers.push_back({"no answer", {.reset_request = true}});
  expect_nothing_changes(answers);
}

TEST_P(SpoiltAnswers, DocumentsThatNobodyCanMend) {
  std::vector<Spoilt> answers;
  for (const std::string body : {
           R"([{"email":"z@example.com","status":"550","reason":"x"}]trailing)",
           R"([{"email":"z@example.com"},])",
           R"([{"email":"z@example.com" "status":"550"}])",
           R"([{"email":"z@example.com"}, 5])",
           R"({"bounces":[{"email":"z@example.com"}]})",
           "<bounces><bounce><email>z@example.com</email></bounce></bounces>trailing",
           "<bounces><bounce><email>z@example.com</bounce></bounces>",
           "<!DOCTYPE bounces><bounces><bounce><email>z@example.com</email></bounce></bounces>",
           "<blocks><bounce><email>z@example.com</email></bounce></blocks>",
           "<bounces><bounce><email>z@example.com</email><reason>a & b</reason></bounce></bounces>",
       }) {
    answers.push_back({body, {.body = body}});
  }
  expect_nothing_changes(answers);
}

// ---- failures ----

TEST_F(PollTest, AFailureIsTheCustomersOwnAndItsEndIsNoted) {
  add_customer("bad");
  add_customer("good");
  api.set("good", {bounce("a@example.com")});
  api.answer({.customer = "bad"}, {.status = 500, .body = R"({"error":"we are sorry"})"}, 2);
  EXPECT_EQ(poll("bad").end, End::failed);
  EXPECT_EQ(poll("good").end, End::merged);
  EXPECT_EQ(poll("bad").end, End::failed);
  const auto failures = recorder.of<sync::PollFailed>();
  ASSERT_EQ(failures.size(), 2U);
  EXPECT_EQ(failures[1].failures, 2);
  EXPECT_THAT(failures[1].message, HasSubstr("we are sorry"));
  EXPECT_THAT(value("select failures || ' ' || last_error from bounced.customers where name = 'bad'"),
              AllOf(HasSubstr("2 unavailable: "), HasSubstr("we are sorry")));
  EXPECT_EQ(poll("bad").end, End::merged);
  EXPECT_EQ(recorder.of<sync::PollEnded>().back().claim.failures, 2);
}

TEST_F(PollTest, WrongCredentialsPauseTheAccountAndFailNoCustomer) {
  add_customer("c");
  add_customer("x", "xml");
  api.remove_account("user");
  EXPECT_EQ(poll("c").end, End::account_fault);
  EXPECT_EQ(value("select paused_until > now() + interval '20 s' and pauses = 1 and paused_because <> '' "
                  "from bounced.accounts where name = 'json'"),
            "t");
  EXPECT_EQ(
      value("select sum(failures) || ' ' || count(last_error) || ' ' || count(claimed_by) from bounced.customers"),
      "0 0 0");
  EXPECT_EQ(value("select paused_until from bounced.accounts where name = 'xml'"), "null");
  ASSERT_EQ(recorder.of<sync::AccountPaused>().size(), 1U);
  EXPECT_EQ(recorder.of<sync::AccountPaused>()[0].kind, "credentials");

  api.add_account("user", "secret-key-of-tests");
  EXPECT_EQ(poll("c").end, End::merged);
  EXPECT_EQ(value("select paused_until is null and paused_because is null and pauses = 0 from bounced.accounts "
                  "where name = 'json'"),
            "t");
  EXPECT_EQ(recorder.of<sync::AccountResumed>().size(), 1U);
}

TEST_F(PollTest, ARateLimitPausesTheAccountForAsLongAsTheServerSays) {
  add_customer("c");
  api.answer({}, {.status = 429, .body = "", .headers = {{"Retry-After", "120"}}});
  EXPECT_EQ(poll("c").end, End::account_fault);
  EXPECT_EQ(value("select paused_until - now() between interval '110 s' and interval '120 s' from bounced.accounts "
                  "where name = 'json'"),
            "t");
  api.answer({}, {.status = 429, .body = "", .headers = {{"Retry-After", "99999999"}}});
  EXPECT_EQ(poll("c").end, End::account_fault);
  EXPECT_EQ(value("select paused_until - now() between interval '59 min' and interval '60 min' from bounced.accounts "
                  "where name = 'json'"),
            "t");
}

// The key serves others: it is not wrong.
TEST_F(PollTest, OneSubusersWrongCredentialsAreItsOwnFailure) {
  for (const char* name : {"good", "better", "bad"}) add_customer(name);
  api.answer({.customer = "bad"}, {.status = 401, .body = R"({"error":"Bad username / password"})"}, 0);
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    // Nobody can know that yet.
    EXPECT_EQ((co_await daemon.poll("bad")).end, End::account_fault);
    // Others come first after the pause.
    EXPECT_EQ(value("select next_poll_at > now() + interval '25 s' from bounced.customers where name = 'bad'"), "t");
    EXPECT_EQ((co_await daemon.poll("good")).end, End::merged);
    EXPECT_EQ((co_await daemon.poll("better")).end, End::merged);
    for (int round = 1; round <= 3; ++round) {
      EXPECT_EQ((co_await daemon.poll("bad")).end, End::failed);
      EXPECT_EQ(value("select paused_until from bounced.accounts where name = 'json'"), "null");
    }
    EXPECT_THAT(value("select failures || last_error from bounced.customers where name = 'bad'"),
                HasSubstr("3credentials: "));
    // Now that it serves nobody, it is.
    api.remove_account("user");
    EXPECT_EQ((co_await daemon.poll("good")).end, End::failed);
    EXPECT_EQ((co_await daemon.poll("better")).end, End::account_fault);
    EXPECT_EQ(value("select paused_calls is null and paused_until > now() from bounced.accounts where name = 'json'"),
              "t");
  });
}

TEST_F(PollTest, WhenAllFailInARowTheAccountsListsPause) {
  for (int i = 0; i < 6; ++i) add_customer(fmt::format("c{}", i));
  api.answer({}, {.status = 403, .body = "<html><title>Blocked</title></html>"}, 0);
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    for (int i = 0; i < 4; ++i) EXPECT_EQ((co_await daemon.poll(fmt::format("c{}", i))).end, End::failed);
    EXPECT_EQ((co_await daemon.poll("c4")).end, End::account_fault);
    EXPECT_EQ(value("select paused_calls || paused_kind || pauses from bounced.accounts where name = 'json'"),
              "listsunavailable1");
    EXPECT_EQ(value("select bounced.pause_end(a, 'deletions') from bounced.accounts a where name = 'json'"), "null");
    api.clear_answers();
    EXPECT_EQ((co_await daemon.poll("c5")).end, End::merged);
    EXPECT_EQ(value("select call_pauses from bounced.accounts where name = 'json'"), "{}");
  });
}

TEST_F(PollTest, AFailedPollWaitsAsLongAsTheServerSays) {
  add_customer("c");
  api.answer({}, {.status = 503, .body = "", .headers = {{"Retry-After", "200"}}});
  EXPECT_EQ(poll("c").end, End::failed);
  EXPECT_EQ(value("select next_poll_at - now() between interval '190 s' and interval '200 s' from bounced.customers"),
            "t");
}

TEST_F(PollTest, ACustomerThatTheAccountMayNotSeeFailsAlone) {
  add_customer("c");
  api.remove_customer("c");
  EXPECT_EQ(poll("c").end, End::failed);
  EXPECT_THAT(value("select last_error from bounced.customers"), HasSubstr("not_permitted: "));
  EXPECT_EQ(value("select paused_until from bounced.accounts where name = 'json'"), "null");
}

TEST_F(PollTest, ACustomerWhoseRowDisagreesIsLeftAlone) {
  add_customer("c");
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    execute(url, "update bounced.customers set time_zone = 'UTC'");
    EXPECT_EQ((co_await daemon.poll("c")).end, End::discarded);
  });
  EXPECT_EQ(api.counters().calls, 0U);
  ASSERT_EQ(recorder.of<sync::PollDiscarded>().size(), 1U);
  EXPECT_THAT(recorder.of<sync::PollDiscarded>()[0].why, HasSubstr("time zone is UTC"));
  EXPECT_EQ(value("select count(claimed_by) from bounced.customers"), "0");
}

// The next poll ends the pause.
TEST_F(PollTest, AMergedPollIsMergedThoughThePauseCannotBeEnded) {
  add_customer("c");
  api.set("c", {bounce("a@example.com")});
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    co_await daemon.pool.run([](db::Session& session) {
      db::pause_account(session, "json", std::chrono::milliseconds(1), "unavailable", "down", "-infinity", "lists");
    });
    execute(url, "alter table bounced.accounts add constraint denied check (false) not valid");
    EXPECT_EQ((co_await daemon.poll("c")).end, End::merged);
    EXPECT_NE(value("select call_pauses from bounced.accounts where name = 'json'"), "{}");
    execute(url, "alter table bounced.accounts drop constraint denied");
    EXPECT_EQ((co_await daemon.poll("c")).end, End::merged);
    EXPECT_EQ(value("select call_pauses from bounced.accounts where name = 'json'"), "{}");
  });
  EXPECT_EQ(recorder.of<sync::PollEnded>().size(), 2U);
}

// ---- the loop over named customers ----

TEST_F(PollTest, OnceDoesAllWithinTheConcurrencyAndNamesWhatFailed) {
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) {
    names.push_back(fmt::format("c{:02}", i));
    add_customer(names.back(), i % 2 == 0 ? "json" : "xml");
    api.set(names.back(), {bounce("a@example.com")});
  }
  api.answer({.customer = "c07"}, {.status = 500, .body = "broken"}, 0);
  config.polling.concurrency = 5;
  const sync::OnceResult result = with_daemon([&](Daemon& daemon) -> asio::awaitable<sync::OnceResult> {
    sync::Once once(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling, names);
    co_return co_await once.run();
  });
  EXPECT_EQ(result.merged, 29U);
  EXPECT_THAT(result.failed, ElementsAre(testing::Pair("c07", HasSubstr("broken"))));
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "29");
  EXPECT_EQ(value("select count(claimed_by) from bounced.customers"), "0");
}

TEST_F(PollTest, OnceWaitsOutARateLimitAndGivesUpOnWrongCredentials) {
  for (const char* name : {"a", "b", "c"}) add_customer(name);
  for (const char* name : {"x", "y"}) add_customer(name, "xml");
  config.accounts[1].key = config::Secret("wrong");
  config.accounts[1].concurrency = 1;
  api.answer({.customer = "b"}, {.status = 429, .body = "", .headers = {{"Retry-After", "1"}}});
  const sync::OnceResult result = with_daemon([&](Daemon& daemon) -> asio::awaitable<sync::OnceResult> {
    sync::Once once(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling,
                    {"a", "b", "c", "x", "y"});
    co_return co_await once.run();
  });
  EXPECT_EQ(result.merged, 3U);
  EXPECT_THAT(result.failed, ElementsAre(testing::Key("x"), testing::Key("y")));
  std::size_t wrong = 0;
  for (const auto& call : api.calls()) wrong += call.parameter("api_key") == "wrong" ? 1 : 0;
  EXPECT_EQ(wrong, 1U);  // the second customer's would be in vain
}

TEST_F(PollTest, OnceEndsWhileTheApiIsDown) {
  std::vector<std::string> names;
  for (int i = 0; i < 8; ++i) {
    names.push_back(fmt::format("c{}", i));
    add_customer(names.back());
  }
  api.answer({}, {.status = 503, .body = ""}, 0);
  const sync::OnceResult result = with_daemon([&](Daemon& daemon) -> asio::awaitable<sync::OnceResult> {
    sync::Once once(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling, names);
    co_return co_await once.run();
  });
  EXPECT_EQ(result.merged, 0U);
  EXPECT_EQ(result.failed.size(), names.size());
  EXPECT_EQ(recorder.of<sync::AccountPaused>().size(), 1U);
}

TEST_F(PollTest, OnceWaitsForAClaimThatAnotherHolds) {
  add_customer("c");
  with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
    std::int64_t other = 0;
    co_await daemon.pool.run([&](db::Session& session) {
      other = db::start_daemon(session, {.host = "there", .pid = 2, .version = "1"});
      EXPECT_EQ(db::claim_named(session, other, {"c"}, {}).size(), 1U);
    });
    sync::Once once(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.polling, {"c"});
    std::optional<sync::OnceResult> result;
    sync::Wakeup ended(daemon.io);
    asio::co_spawn(daemon.io, once.run(), [&](std::exception_ptr error, sync::OnceResult got) {
      EXPECT_FALSE(error);
      result = std::move(got);
      ended.wake();
    });
    // Long enough for it to have looked, and to have found nothing.
    co_await ended.wait(std::chrono::milliseconds(700));
    EXPECT_FALSE(result);
    co_await daemon.pool.run([&](db::Session& session) { db::end_daemon(session, other); });
    while (!result) co_await ended.wait(std::chrono::seconds(1));
    EXPECT_EQ(result->merged, 1U);
  });
}

}  // namespace
}  // namespace bounced::test
