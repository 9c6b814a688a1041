// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <ctime>

#include "tests/simulator/local_time.h"
#include "tests/simulator/raw_client.h"
#include "tests/simulator/simulator.h"

namespace bounced::simulator {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string bounces = "/v3/suppression/bounces";
const std::string with_key = "Authorization: Bearer secret-key-of-tests\r\n";
const std::string for_c = "Accept: application/json\r\non-behalf-of: c\r\n" + with_key;

std::string error(const std::string& text) {
  return "\r\n\r\n{\"errors\":[{\"field\":null,\"message\":\"" + text + "\"}]}";
}

// The values of a key, such as they are written, in their order.
std::vector<std::string> values(const std::string& json, const std::string& key) {
  std::vector<std::string> found;
  const std::string name = "\"" + key + "\":";
  for (std::size_t at = json.find(name); at != json.npos; at = json.find(name, at + 1)) {
    const std::size_t begin = at + name.size();
    found.push_back(json.substr(begin, json.find_first_of(",}", begin) - begin));
  }
  return found;
}

class V3Test : public testing::Test {
 protected:
  V3Test() : api_({.tls = false, .time_zone = "UTC"}) { api_.set_framing(Framing::length); }

  std::string call(const std::string& method, const std::string& target, const std::string& headers = for_c,
                   const std::string& body = "") {
    return ask(api_, method + " " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + headers +
                         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
                         body);
  }
  std::vector<std::string> emails(const std::string& query) {
    return values(body_of(call("GET", bounces + "?" + query)), "email");
  }

  Simulator api_;
};

TEST_F(V3Test, ListsNewestFirstBetweenInclusiveTimesPageByPage) {
  api_.set("c", {{.email = "b@x", .created = "1970-01-01 00:00:20"},
                 {.email = "d@x", .created = std::nullopt},
                 {.email = "a@x", .status = "5.1.1", .reason = "no /such user", .created = "1970-01-01 00:00:30"},
                 {.email = "c@x", .created = "1970-01-01 00:00:20"}});
  EXPECT_THAT(
      call("GET", bounces + "?limit=1"),
      AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("\r\nContent-Type: application/json\r\n"),
            HasSubstr("\r\nLink: <http://h/v3/suppression/bounces?limit=1&offset=1>; rel=\"next\"; title=\"2\", "
                      "<http://h/v3/suppression/bounces?limit=1&offset=0>; rel=\"prev\"; title=\"1\", "
                      "<http://h/v3/suppression/bounces?limit=1&offset=3>; rel=\"last\"; title=\"4\", "
                      "<http://h/v3/suppression/bounces?limit=1&offset=0>; rel=\"first\"; title=\"1\"\r\n"),
            EndsWith("\r\n\r\n[{\"created\":30,\"email\":\"a@x\",\"reason\":\"no \\/such user\","
                     "\"status\":\"5.1.1\"}]")));
  EXPECT_THAT(emails(""), ElementsAre("\"a@x\"", "\"c@x\"", "\"b@x\"", "\"d@x\""));
  EXPECT_THAT(emails("limit=2&offset=1"), ElementsAre("\"c@x\"", "\"b@x\""));
  EXPECT_THAT(emails("start_time=20&end_time=20"), ElementsAre("\"c@x\"", "\"b@x\""));
  EXPECT_THAT(emails("start_time=21&end_time=30"), ElementsAre("\"a@x\""));
  EXPECT_THAT(emails("end_time=19"), IsEmpty());
  EXPECT_THAT(call("GET", bounces + "?limit=501"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(call("GET", bounces + "?offset=x"), StartsWith("HTTP/1.1 400 "));
  api_.set_style("c", {.v3_spacing = true});
  EXPECT_THAT(call("GET", bounces), HasSubstr("\"reason\":\" no  \\/such  user \""));
  EXPECT_EQ(api_.calls()[0].customer(), "c");
  EXPECT_EQ(api_.calls()[0].task(), "get");
}

TEST_F(V3Test, PagesDriftWhenEntriesLeaveAndArrive) {
  api_.generate("c", 1, 1200);
  const auto all = [&] {
    auto read = emails("");
    for (const std::string offset : {"500", "1000"}) {
      const auto page = emails("offset=" + offset);
      read.insert(read.end(), page.begin(), page.end());
    }
    return read;
  };
  auto before = all();
  ASSERT_EQ(before.size(), 1200u);
  const std::string newest = before[0].substr(1, before[0].size() - 2);
  const std::uint64_t removed = api_.remove("c", newest);
  ASSERT_EQ(emails("offset=500")[0], before[500 + removed]);
  EXPECT_EQ(all().size(), 1200 - removed);
  api_.add("c", {.email = "new@x", .created = "2030-01-01 00:00:00"});
  EXPECT_EQ(emails("limit=1")[0], "\"new@x\"");
  EXPECT_EQ(all().size(), 1200 - removed + 1);
  api_.set("c", {{.email = "other@x"}});
  EXPECT_THAT(emails(""), ElementsAre("\"other@x\""));
}

TEST_F(V3Test, ServesWorseThanDocumentedOnDemand) {
  api_.set("c", {{.email = "1@x", .created = "1970-01-01 00:00:10"},
                 {.email = "2@x", .created = "1970-01-01 00:00:20"},
                 {.email = "3@x", .created = "1970-01-01 00:00:20"}});
  api_.set_v3({.page_cap = 2});
  EXPECT_THAT(call("GET", bounces + "?limit=3"), AllOf(HasSubstr("limit=3&offset=2>; rel=\"last\"; title=\"2\""),
                                                       HasSubstr("3@x"), HasSubstr("2@x"), Not(HasSubstr("1@x"))));
  api_.set_v3({.exclusive_end = true, .oldest_first = true, .links = PageLinks::none});
  EXPECT_THAT(emails("end_time=20"), ElementsAre("\"1@x\""));
  EXPECT_THAT(emails(""), ElementsAre("\"1@x\"", "\"2@x\"", "\"3@x\""));
  EXPECT_THAT(call("GET", bounces), Not(HasSubstr("Link: ")));
  api_.set_v3({.unsorted_ties = true, .ignore_times = true});
  const auto one = emails("end_time=10&limit=1");
  EXPECT_NE(emails("end_time=10&limit=1"), one);
  EXPECT_EQ(emails("offset=2")[0], "\"1@x\"");
}

TEST_F(V3Test, KnowsItsKeysAndWhoMayActForWhom) {
  api_.add("c", {.email = "a@x"});
  api_.add("own", {.email = "mine@x"});
  const std::string json = "Accept: application/json\r\n";
  EXPECT_THAT(call("GET", bounces, json),
              AllOf(StartsWith("HTTP/1.1 401 "), EndsWith(error("authorization required"))));
  EXPECT_THAT(call("GET", bounces, json + "Authorization: Bearer x\r\n"),
              AllOf(StartsWith("HTTP/1.1 401 "),
                    EndsWith(error("The provided authorization grant is invalid, expired, or revoked"))));
  EXPECT_THAT(call("GET", bounces, with_key + "Accept: text/html\r\n"), StartsWith("HTTP/1.1 406 "));
  EXPECT_THAT(call("GET", bounces, with_key + json + "On-Behalf-Of: stranger\r\n"),
              AllOf(StartsWith("HTTP/1.1 403 "), EndsWith(error("access forbidden"))));
  EXPECT_THAT(call("POST", bounces), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(call("PUT", bounces + "/a@x"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(call("GET", "/v3/elsewhere"), StartsWith("HTTP/1.1 404 "));

  EXPECT_THAT(call("GET", bounces, with_key + json), StartsWith("HTTP/1.1 403 "));
  api_.set_own_customer("user", "own");
  EXPECT_THAT(call("GET", bounces, with_key + json), HasSubstr("mine@x"));
  EXPECT_EQ(api_.calls().back().customer(), "own");
  EXPECT_THAT(call("GET", bounces), HasSubstr("a@x"));
}

TEST_F(V3Test, DeletesOneSomeAndAll) {
  api_.set("c", {{.email = "a+b@x"}, {.email = "a+b@x"}, {.email = "ü/@x"}, {.email = "c@x"}, {.email = "d@x"}});
  const std::string one = call("DELETE", bounces + "/a%2Bb@x");
  EXPECT_THAT(one, AllOf(StartsWith("HTTP/1.1 204 No Content\r\n"), EndsWith("\r\n\r\n"), Not(HasSubstr("Content-"))));
  EXPECT_THAT(call("DELETE", bounces + "/a+b@x"), AllOf(StartsWith("HTTP/1.1 404 "), EndsWith(error("not found"))));
  EXPECT_EQ(api_.size("c"), 3u);
  EXPECT_THAT(call("DELETE", bounces + "/%C3%BC%2f%40x"), StartsWith("HTTP/1.1 204 "));
  EXPECT_EQ(api_.calls().back().task(), "delete");

  const std::string body = R"({"emails":["c@x","nobody@x"]})";
  EXPECT_THAT(call("DELETE", bounces, for_c, body), StartsWith("HTTP/1.1 204 "));
  EXPECT_EQ(api_.calls().back().body, body);
  EXPECT_EQ(api_.size("c"), 1u);
  for (const std::string bad : {"", "{", "[]", "{}", R"({"emails":[]})", R"({"emails":[1]})", R"({"delete_all":false})",
                                R"({"emails":["d@x"],"delete_all":true})"}) {
    EXPECT_THAT(call("DELETE", bounces, for_c, bad), StartsWith("HTTP/1.1 400 ")) << bad;
  }
  EXPECT_EQ(api_.size("c"), 1u);
  api_.answer({.customer = "c", .task = Task::remove}, {.status = 500, .body = "{}"});
  EXPECT_THAT(call("DELETE", bounces + "/d@x"),
              AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("Type: application/json"), EndsWith("\r\n\r\n{}")));
  EXPECT_EQ(api_.size("c"), 1u);
  api_.answer({}, {.reset_request = true});
  EXPECT_EQ(call("DELETE", bounces, for_c, R"({"delete_all":true})"), "");
  EXPECT_EQ(api_.size("c"), 0u);
}

TEST_F(V3Test, NamesSubusers) {
  for (int i = 0; i < 12; ++i) api_.add_customer("s" + std::to_string(100 + i));
  api_.set_own_customer("user", "own");
  api_.set_disabled("s101", true);
  const auto subusers = [&](const std::string& query) { return body_of(call("GET", "/v3/subusers?" + query)); };
  EXPECT_EQ(subusers("limit=2&offset=1"), R"([{"id":3,"username":"s101","email":"s101@example.com","disabled":true},)"
                                          R"({"id":4,"username":"s102","email":"s102@example.com","disabled":false}])");
  EXPECT_EQ(values(subusers(""), "username").size(), 10u);
  EXPECT_EQ(values(subusers("limit=500"), "username").size(), 12u);
  EXPECT_EQ(subusers("offset=12"), "[]");
  EXPECT_THAT(call("GET", "/v3/subusers?limit=501"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(api_.calls().back().customer(), "");
  EXPECT_EQ(api_.calls().back().task(), "subusers");
}

TEST_F(V3Test, LimitsTheCallsWithAKey) {
  api_.add_account("other", "other-key");
  api_.add_customer("c");
  EXPECT_THAT(call("GET", bounces), Not(HasSubstr("X-RateLimit")));
  api_.limit_v3(2, 3600s);
  EXPECT_THAT(call("GET", bounces), HasSubstr("\r\nX-RateLimit-Limit: 2\r\nX-RateLimit-Remaining: 1\r\n"));
  EXPECT_THAT(call("DELETE", bounces + "/a@x"), HasSubstr("\r\nX-RateLimit-Remaining: 0\r\n"));
  const std::string refused = call("GET", bounces);
  EXPECT_THAT(refused, AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("\r\nX-RateLimit-Remaining: 0\r\n"),
                             EndsWith(error("too many requests"))));
  const std::string reset = "\r\nX-RateLimit-Reset: ";
  EXPECT_NEAR(std::stod(refused.substr(refused.find(reset) + reset.size())), static_cast<double>(std::time(nullptr)),
              3700);
  EXPECT_EQ(api_.counters().refused_v3, 1u);
  EXPECT_THAT(call("GET", bounces, "Accept: */*\r\non-behalf-of: c\r\nAuthorization: Bearer other-key\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST(LocalTime, FollowsTheRulesOfTheUSA) {
  const auto pacific = [](std::string_view text) { return unix_time(text, Zone::los_angeles); };
  EXPECT_EQ(unix_time("2024-07-01 12:00:00", Zone::utc), 1719835200);
  EXPECT_EQ(pacific("2024-07-01 05:00:00"), 1719835200);
  EXPECT_EQ(pacific("2024-03-10 01:59:59"), 1710064799);
  EXPECT_EQ(pacific("2024-03-10 03:00:00"), 1710064800);
  EXPECT_EQ(pacific("2024-11-03 01:30:00"), 1730622600);  // the first of the two
  EXPECT_EQ(pacific("2024-11-03 02:00:00"), 1730628000);
  for (const std::string_view bad : {"", "2024-07-01", "2024-02-30 00:00:00", "2024-07-01 24:00:00",
                                     "2024-07-01T12:00:00", "2024-07-01 12:00:00 "}) {
    EXPECT_EQ(pacific(bad), std::nullopt) << bad;
  }
  EXPECT_THROW(zone_of("Europe/Berlin"), std::invalid_argument);
}

}  // namespace
}  // namespace bounced::simulator
