// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/retry_after.h"

#include <gmock/gmock.h>

namespace bounced::api {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using testing::Optional;

// Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::chrono::sys_seconds then = sys_days(std::chrono::November / 6 / 1994) + 8h + 49min + 37s;
constexpr std::chrono::sys_seconds now = sys_days(std::chrono::October / 1 / 2026) + 12h;

TEST(HttpDate, ReadsTheThreeForms) {
  EXPECT_THAT(http_date("Sun, 06 Nov 1994 08:49:37 GMT", now), Optional(then));
  EXPECT_THAT(http_date("Sunday, 06-Nov-94 08:49:37 GMT", now), Optional(then));
  EXPECT_THAT(http_date("Sun Nov  6 08:49:37 1994", now), Optional(then));
  EXPECT_THAT(http_date("  Sun, 06 Nov 1994 08:49:37 GMT ", now), Optional(then));
}

TEST(HttpDate, FindsTheCentury) {
  EXPECT_THAT(http_date("Thursday, 01-Oct-26 12:00:30 GMT", now), Optional(now + 30s));
  EXPECT_THAT(http_date("Friday, 01-Oct-76 12:00:00 GMT", now),
              Optional(sys_days(std::chrono::October / 1 / 2076) + 12h));
  EXPECT_THAT(http_date("Saturday, 01-Oct-77 12:00:00 GMT", now),
              Optional(sys_days(std::chrono::October / 1 / 1977) + 12h));
}

TEST(HttpDate, RefusesOtherText) {
  for (const char* text :
       {"", "GMT", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT GMT", "6", "a b c d e f g h", "Sun, 6x Nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(http_date(text, now), std::nullopt) << text;
  }
}

TEST(RetryAfter, ReadsSeconds) {
  EXPECT_THAT(retry_after("120", "", now), Optional(120s));
  EXPECT_THAT(retry_after(" 7\t", "", now), Optional(7s));
}

TEST(RetryAfter, ReadsADate) {
  EXPECT_THAT(retry_after("Thu, 01 Oct 2026 12:01:30 GMT", "", now), Optional(90s));
}

TEST(RetryAfter, ReadsTheRateLimitsReset) {
  const auto at = std::to_string((now + 45s).time_since_epoch().count());
  EXPECT_THAT(retry_after("", at, now), Optional(45s));
  EXPECT_THAT(retry_after("soon", at, now), Optional(45s));
  EXPECT_THAT(retry_after("3", at, now), Optional(3s));
}

TEST(RetryAfter, IsBounded) {
  EXPECT_THAT(retry_after("0", "", now), Optional(1s));
  EXPECT_THAT(retry_after("86401", "", now), Optional(24h));
  EXPECT_THAT(retry_after("99999999999999999999999999", "", now), Optional(24h));
  EXPECT_THAT(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", "", now), Optional(1s));
  EXPECT_THAT(retry_after("Sun, 06 Nov 9999 08:49:37 GMT", "", now), Optional(24h));
  EXPECT_THAT(retry_after("", "1000000000", now), Optional(1s));
  EXPECT_THAT(retry_after("", "99999999999999999999999999", now), Optional(24h));
}

TEST(RetryAfter, IsNothingWhereNothingCanBeRead) {
  for (const char* text : {"", " ", "-5", "1.5", "soon", "12 34", "+3"}) {
    EXPECT_EQ(retry_after(text, text, now), std::nullopt) << text;
  }
  EXPECT_EQ(retry_after("", "60", now), std::nullopt);
}

}  // namespace
}  // namespace bounced::api
