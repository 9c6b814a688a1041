// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include <boost/json.hpp>
#include <sstream>

#include "daemon/log_events.h"

namespace bounced::daemon {
namespace {

using config::LogLevel;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  Log make(LogForm form, LogLevel level = LogLevel::info) {
    return Log(form, level, std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  }
  // What was written since the last time.
  std::string written() {
    std::string text = out.str();
    out.str("");
    return text;
  }
  std::ostringstream out;
};

TEST_F(LogTest, TextHasTimeLevelMessageAndPairs) {
  make(LogForm::text).warning("poll failed", {{"customer", "a@x.com"}, {"error", "two words"}, {"failures", 3}});
  EXPECT_THAT(written(), MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3} warning "
                                      "poll failed customer=a@x.com error=\"two words\" failures=3\n"));
}

TEST_F(LogTest, ForeignTextMakesNoLineOfItsOwn) {
  for (const LogForm form : {LogForm::text, LogForm::json}) {
    make(form).info("x", {{"error", "one\n2030-01-01 info forged"}});
    const std::string text = written();
    EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  }
}

TEST_F(LogTest, NothingHiddenReachesALine) {
  const LogFields fields{{"customer",
                          "a\x1b[31m\xc2\x9b\xe2\x80\xae\xd8\x9c"
                          "b"}};
  EXPECT_EQ(text_line("x", fields), "x customer=a?[31m???b");
  EXPECT_THAT(json_line(LogLevel::info, "x", fields), HasSubstr(R"("customer":"a\u001b[31m\u009b\u202e\u061cb")"));
  EXPECT_THAT(journal_fields(LogLevel::info, "x", fields), testing::Contains("CUSTOMER=a?[31m???b"));
}

TEST_F(LogTest, JsonIsOneObjectALine) {
  make(LogForm::json).info("poll \"x\"", {{"customer", "ü\\\""}, {"bad", "\xff\n"}, {"failures", 3}});
  const std::string line = written();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const boost::json::object object = boost::json::parse(line).as_object();
  EXPECT_EQ(object.at("message").as_string(), "poll \"x\"");
  EXPECT_EQ(object.at("level").as_string(), "info");
  EXPECT_EQ(object.at("customer").as_string(), "ü\\\"");
  EXPECT_EQ(object.at("bad").as_string(), "\uFFFD\n");
  EXPECT_EQ(object.at("failures").as_int64(), 3);
  EXPECT_THAT(std::string(object.at("time").as_string()),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z"));
}

TEST_F(LogTest, TheJournalGetsFieldsAndPriority) {
  EXPECT_THAT(journal_fields(LogLevel::warning, "poll failed", {{"customer", "a b"}, {"failures", 3}}),
              ElementsAre("MESSAGE=poll failed customer=\"a b\" failures=3", "PRIORITY=4", "SYSLOG_IDENTIFIER=bounced",
                          "CUSTOMER=a b", "FAILURES=3"));
}

TEST_F(LogTest, WhatIsBelowTheLevelIsNotWritten) {
  Log log = make(LogForm::text, LogLevel::warning);
  log.info("quiet");
  log.debug("quiet");
  EXPECT_THAT(written(), IsEmpty());
  log.write(LogLevel::error, "loud");
  EXPECT_THAT(written(), EndsWith(" error   loud\n"));
}

class LogEventsTest : public LogTest {
 protected:
  static db::Claim claim(int failures = 0) {
    db::Claim claim;
    claim.customer = "c";
    claim.account = "main";
    claim.failures = failures;
    return claim;
  }
  void poll_fails(const std::string& kind = "unavailable") {
    events.on(sync::PollFailed{claim(), kind, "it said no", 1, 15s});
  }
  void poll_ends(const db::Merged& merged = {}, int failures = 0) {
    events.on(sync::PollEnded{claim(failures), {.entries = 5, .bytes = 99}, merged, 120ms});
  }

  std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  Log log = make(LogForm::text);
  LogEvents events{log, [this] { return now; }};
};

TEST_F(LogEventsTest, OnlyAPollThatChangedSomethingIsTold) {
  poll_ends();
  EXPECT_THAT(written(), IsEmpty());
  poll_ends({.added = 2, .changed = 1, .remark = {}});
  EXPECT_THAT(written(),
              EndsWith(" info    mirror changed customer=c account=main poll=full received=5 added=2 changed=1 "
                       "superseded=0 disappeared=0 bytes=99 ms=120\n"));
}

TEST_F(LogEventsTest, ARepeatedFailureIsToldNowAndThen) {
  poll_fails();
  EXPECT_THAT(written(),
              AllOf(HasSubstr(" warning poll failed customer=c "), HasSubstr("kind=unavailable"),
                    HasSubstr("error=\"it said no\""), HasSubstr("next_try_s=15"), Not(HasSubstr("unsaid"))));
  now += 5min;
  poll_fails();
  poll_fails();
  EXPECT_THAT(written(), IsEmpty());
  now += 5min;
  poll_fails();
  EXPECT_THAT(written(), HasSubstr("unsaid=2"));
  poll_fails("refused");
  EXPECT_THAT(written(), AllOf(HasSubstr("kind=refused"), Not(HasSubstr("unsaid"))));
}

TEST_F(LogEventsTest, TheEndOfAFailureIsToldOnceAndTheNextOneAtOnce) {
  poll_fails();
  written();
  poll_ends({}, 4);
  EXPECT_THAT(written(), EndsWith(" info    customer recovered customer=c account=main failures=4\n"));
  poll_ends();
  EXPECT_THAT(written(), IsEmpty());
  poll_fails();
  EXPECT_THAT(written(), HasSubstr("poll failed"));
}

TEST_F(LogEventsTest, AHeldListIsToldEachTime) {
  for (int i = 0; i < 2; ++i) {
    poll_ends({.held = true, .lacking = 30, .remark = "it lacks 30"});
    EXPECT_THAT(written(), AllOf(HasSubstr(" warning list held customer=c"), HasSubstr("lacking=30")));
  }
}

TEST_F(LogEventsTest, AnIncompleteListIsToldNowAndThen) {
  poll_ends({.remark = "one without email"});
  EXPECT_THAT(written(), HasSubstr(" warning list incomplete customer=c"));
  poll_ends({.remark = "two without email"});
  EXPECT_THAT(written(), IsEmpty());
}

TEST_F(LogEventsTest, PausesAndTheirEndAreTold) {
  const sync::AccountPaused paused{"main", "credentials", "Bad username", 60s, 1, "all"};
  events.on(paused);
  EXPECT_THAT(written(), AllOf(HasSubstr(" warning account paused account=main"), HasSubstr("kind=credentials")));
  events.on(paused);
  EXPECT_THAT(written(), IsEmpty());
  events.on(sync::AccountResumed{"main", "lists"});
  EXPECT_THAT(written(), EndsWith(" info    account resumed account=main calls=lists\n"));
  events.on(paused);
  EXPECT_THAT(written(), HasSubstr("account paused"));
}

TEST_F(LogEventsTest, DisagreementsAreToldOnceForAllCustomersAndSoIsTheirEnd) {
  events.disagreements({});
  EXPECT_THAT(written(), IsEmpty());
  const std::vector<db::Disagreement> two{{1, "c", "its account is other, here main"}, {2, "d", "as c"}};
  events.disagreements(two);
  EXPECT_THAT(written(), AllOf(HasSubstr(" warning another daemon has another configuration customers=2 customer=c"),
                               HasSubstr("what=\"its account is other, here main\"")));
  events.disagreements(two);
  EXPECT_THAT(written(), IsEmpty());
  events.disagreements({});
  EXPECT_THAT(written(), HasSubstr(" info    configurations agree again"));
  events.disagreements({});
  EXPECT_THAT(written(), IsEmpty());
}

TEST_F(LogEventsTest, ADiscardedPollIsTold) {
  events.on(sync::PollDiscarded{claim(), "the claim was taken over"});
  EXPECT_THAT(written(), HasSubstr(" info    poll discarded customer=c"));
}

TEST_F(LogEventsTest, TheDatabaseGoesAndComes) {
  events.on(sync::DatabaseLost{"connection refused"});
  EXPECT_THAT(written(), HasSubstr(" warning database lost error=\"connection refused\""));
  events.on(sync::DatabaseBack{90s});
  EXPECT_THAT(written(), HasSubstr(" info    database back after_s=90"));
}

}  // namespace
}  // namespace bounced::daemon
