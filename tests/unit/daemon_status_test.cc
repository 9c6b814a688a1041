// SPDX-License-Identifier: Apache-2.0
#include "daemon/status_view.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

namespace bounced::daemon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

db::CustomerStatus customer(const std::string& name) {
  return {.name = name,
          .account = "main",
          .last_poll_at = db::Moment{"2024-05-06T07:08:09Z", 60},
          .last_full_at = db::Moment{"2024-05-06T07:08:09Z", 60},
          .next_poll_at = {"2024-05-06T07:13:09Z", -240},
          .current_bounces = 10};
}

db::CustomerStatus failing(const std::string& name, int failures) {
  db::CustomerStatus status = customer(name);
  status.failures = failures;
  status.last_error = "unavailable: localhost: no answer\n" + std::string(200, 'x');
  status.last_error_at = db::Moment{"2024-05-06T07:09:00Z", 10};
  return status;
}

db::Status sample() {
  db::Status status{
      .now = {"2024-05-06T07:10:00Z", 0}, .customers = {customer("well")}, .accounts = {}, .queue = {}, .daemons = {}};
  status.customers.push_back(failing("fails@example.com", 3));
  db::CustomerStatus late = customer("late");
  late.next_poll_at.ago = 400;
  status.customers.push_back(late);
  db::CustomerStatus held = customer("held");
  held.held_since = db::Moment{"2024-05-06T07:00:00Z", 600};
  held.last_error = "it lacks 30 of 50";
  status.customers.push_back(held);
  db::CustomerStatus fresh = customer("new");
  fresh.last_poll_at = fresh.last_full_at = std::nullopt;
  status.customers.push_back(fresh);
  db::CustomerStatus gone = failing("gone", 9);
  gone.active = false;
  gone.next_poll_at.ago = 9999;
  status.customers.push_back(gone);
  status.accounts = {{.name = "main", .api = "v2", .paused_until = {}, .paused_because = {}},
                     {.name = "other",
                      .api = "v2",
                      .paused_until = db::Moment{"2024-05-06T07:20:00Z", -600},
                      .paused_because = "Bad username / password"}};
  status.daemons = {{.id = 7,
                     .host = "here",
                     .pid = 123,
                     .version = "0.1.0",
                     .started = {"2024-05-06T05:10:00Z", 7200},
                     .heartbeat = {"2024-05-06T07:09:58Z", 2},
                     .alive = true}};
  return status;
}

TEST(StatusView, TheTextSaysWhatIsNotWell) {
  const std::string text = status_text(sample());
  EXPECT_THAT(text,
              HasSubstr("6 customers, 5 active: 1 failing, 1 held, 1 never polled, 1 late; 60 current bounces\n"));
  EXPECT_THAT(text, HasSubstr("fails@example.com  3 "));
  EXPECT_THAT(text, HasSubstr("\n    unavailable: localhost: no answer?xxx"));
  EXPECT_THAT(text, HasSubstr("held      10m ago\n    it lacks 30 of 50\n"));
  EXPECT_THAT(text, HasSubstr("late      7m       60s ago\n"));
  EXPECT_THAT(text, HasSubstr("other    10m\n    Bad username / password\n"));
  EXPECT_THAT(text, HasSubstr("7       here  123  0.1.0    2h ago   2s ago\n"));
  EXPECT_THAT(text, Not(HasSubstr("gone")));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; }), 100) << line;
  }
}

TEST(StatusView, TheQueueIsSummedUpAndSaysWhatItWaitsFor) {
  db::Status status = sample();
  EXPECT_THAT(status_text(status), HasSubstr("\ndeletion requests: 0 pending, 0 sending, 0 failed\n"));
  status.queue = {{.customer = "busy",
                   .pending = 1200,
                   .sending = 8,
                   .failed = 0,
                   .oldest = db::Moment{"2024-05-06T07:00:00Z", 600},
                   .waits_for = ""},
                  {.customer = "full",
                   .pending = 30,
                   .sending = 0,
                   .failed = 2,
                   .oldest = db::Moment{"2024-05-06T06:00:00Z", 4200},
                   .last_error = "refused: no",
                   .waits_for = "daily limit"}};
  EXPECT_THAT(status_text(status),
              AllOf(HasSubstr("deletion requests: 1,230 pending, 8 sending, 2 failed; the oldest is 70m old\n"),
                    HasSubstr("\n  30 wait: their account's daily limit is reached"), Not(HasSubstr("refused: no"))));
  EXPECT_THAT(status_text(status, true), AllOf(HasSubstr("\nbusy      1,200    8 "), HasSubstr("\n    refused: no\n")));
  const auto queue = boost::json::parse(status_json(status)).at("queue");
  EXPECT_EQ(queue.at("pending").as_int64(), 1230);
  EXPECT_EQ(queue.at("oldest_at"), "2024-05-06T06:00:00Z");
  EXPECT_EQ(boost::json::serialize(queue.at("customers").at(1)),
            R"({"name":"full","pending":30,"sending":0,"failed":2,"oldest_at":"2024-05-06T06:00:00Z",)"
            R"("next_attempt_at":null,"last_error":"refused: no","waits_for":"daily limit"})");
}

TEST(StatusView, AnAccountThatIsPausedMakesNobodyLate) {
  db::Status status = sample();
  for (auto& one : status.customers) one.account_paused = true;
  EXPECT_THAT(status_text(status), HasSubstr(" 0 late"));
}

TEST(StatusView, APollThatTakesLongerThanItsIntervalMakesItsCustomerLate) {
  db::Status status = sample();
  status.customers[2].being_polled = true;
  status.customers[2].poll_every = 300;
  EXPECT_THAT(status_text(status), HasSubstr(" 1 late"));
  status.customers[2].poll_every = 400;
  EXPECT_THAT(status_text(status), HasSubstr(" 0 late"));
}

TEST(StatusView, SaysWhatIsInFlight) {
  db::Status status = sample();
  EXPECT_THAT(status_text(status), Not(HasSubstr("in flight")));
  status.daemons[0].in_flight =
      R"({"count":2,"oldest":[{"what":"poll","whom":"slow@example.com","seconds":200.1,"waits_for":"the list",)"
      R"("step_seconds":20,"late":false},{"what":"poll","whom":"b","seconds":1E0,"waits_for":"","late":false}]})";
  EXPECT_THAT(status_text(status), HasSubstr("2s ago\n    in flight: 2, the oldest: poll of slow@example.com for 3m, "
                                             "waits for the list\n"));
  const auto daemon = boost::json::parse(status_json(status)).at("daemons").at(0);
  EXPECT_EQ(daemon.at("in_flight").at("oldest").at(1).at("whom"), "b");
  EXPECT_EQ(daemon.at("stalls").as_int64(), 0);
  status.daemons[0].stalls = 2;
  EXPECT_THAT(status_text(status), HasSubstr("2s ago\n    2 stalls broken off, which is a bug in bounced"));
  for (const char* odd : {"", "{", "[]", R"({"count":"1"})", R"({"count":1,"oldest":[1]})", R"({"count":1})"}) {
    status.daemons[0].in_flight = odd;
    EXPECT_THAT(status_text(status), HasSubstr("2 stalls"));
    status_json(status);
  }
}

TEST(StatusView, LongListsAreCutWithTheWorstFirst) {
  db::Status status;
  for (int i = 1; i <= 30; ++i) status.customers.push_back(failing(fmt::format("c{}", i), i));
  EXPECT_THAT(status_text(status), AllOf(HasSubstr("\nc30 "), HasSubstr("\nc11 "), Not(HasSubstr("\nc10 ")),
                                         HasSubstr("and 10 more\n"), HasSubstr("No daemon is running.")));
}

TEST(StatusView, JsonHasAll) {
  const boost::json::object json = boost::json::parse(status_json(sample())).as_object();
  EXPECT_EQ(json.at("now"), "2024-05-06T07:10:00Z");
  EXPECT_EQ(boost::json::serialize(json.at("totals")),
            R"({"customers":6,"active":5,"failing":1,"held":1,"never_polled":1,"late":1,"current_bounces":60})");
  const boost::json::array& customers = json.at("customers").as_array();
  ASSERT_EQ(customers.size(), 6U);
  EXPECT_EQ(boost::json::serialize(customers[0]),
            R"({"name":"well","account":"main","active":true,"current_bounces":10,)"
            R"("last_poll_at":"2024-05-06T07:08:09Z","last_full_at":"2024-05-06T07:08:09Z",)"
            R"("next_poll_at":"2024-05-06T07:13:09Z","late_seconds":0,"being_polled":false,"failures":0,)"
            R"("last_error":null,"last_error_at":null,"held_since":null})");
  EXPECT_EQ(customers[2].at("late_seconds").as_int64(), 400);
  EXPECT_EQ(json.at("accounts").at(1).at("paused_because"), "Bad username / password");
  EXPECT_EQ(json.at("daemons").at(0).at("id").as_int64(), 7);
}

TEST(StatusView, ADaemonWithAnotherConfigurationIsNamed) {
  db::Status status = sample();
  EXPECT_THAT(status_text(status), Not(HasSubstr("disagrees")));
  status.daemons[0].disagrees = 2;
  EXPECT_THAT(status_text(status), HasSubstr("2s ago\n    disagrees about 2 customers: another daemon has another "));
  EXPECT_EQ(boost::json::parse(status_json(status)).at("daemons").at(0).at("disagrees").as_int64(), 2);
}

TEST(Summary, SaysInOneLineWhatIsWrong) {
  db::Summary summary{.customers = 1, .daemons = 1};
  EXPECT_EQ(summary_text(summary), "1 customer, none polled yet, no open deletion requests; all is well");
  summary = {.customers = 12'000,
             .last_poll = 1'700'000'000,
             .failing = 2,
             .held = 1,
             .late = 3,
             .open_requests = db::most_open_requests,
             .daemons = 2,
             .failing_customer = "a@example.com",
             .failing_because = "HTTP 500",
             .paused = 1,
             .paused_account = "main",
             .paused_because = "a wrong key"};
  const std::string text = summary_text(summary);
  EXPECT_THAT(text, testing::StartsWith("12,000 customers, last poll 2023-11-1"));
  EXPECT_THAT(text, testing::EndsWith(", 10,000 open deletion requests or more, 2 daemons; 1 account paused: main: a "
                                      "wrong key; 2 customers failing: a@example.com: HTTP 500; 1 list held; 3 "
                                      "customers late (see: bounced status)"));
  summary = {.customers = 1, .daemons = 1, .stalls = 1};
  EXPECT_THAT(summary_text(summary), testing::HasSubstr("; 1 stall, which is a bug in bounced"));
  summary = {.customers = 1, .daemons = 0};
  EXPECT_THAT(summary_text(summary), testing::HasSubstr("the heartbeat cannot be written"));
}

}  // namespace
}  // namespace bounced::daemon
