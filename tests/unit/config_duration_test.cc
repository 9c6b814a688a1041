// SPDX-License-Identifier: Apache-2.0
#include "config/duration.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>

namespace bounced::config {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsReadInEachUnit) {
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("007m"), 7min);
}

TEST(Duration, RefusesEverythingElseAndSaysWhatWouldBeRight) {
  for (const std::string text : {"", "s", "5", "5 m", " 5m", "5m ", "-5m", "+5m", "1.5h", "5M", "5ms", "1h30m", "5w",
                                 "0x5s", "5s\n", "٥m", "1e3s", "five"}) {
    try {
      parse_duration(text);
      ADD_FAILURE() << '"' << text << '"';
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("as 30s, 5m, 24h or 7d")) << text;
    }
  }
  EXPECT_THROW(parse_duration(std::string("5m\0", 3)), std::invalid_argument);
}

TEST(Duration, RefusesOverflow) {
  EXPECT_EQ(parse_duration("9223372036854775807s").count(), 9223372036854775807);
  EXPECT_EQ(parse_duration("106751991167300d").count(), 106751991167300 * 86400);
  for (const std::string text :
       {"9223372036854775808s", "106751991167301d", "18446744073709551616s", "99999999999999999999999999h"}) {
    try {
      parse_duration(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("too long")) << text;
    }
  }
}

TEST(Duration, IsPrintedInTheLargestUnitThatFits) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(59s), "59s");
  EXPECT_EQ(format_duration(60s), "1m");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(90min), "90m");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(25h), "25h");
  EXPECT_EQ(format_duration(std::chrono::seconds::max()), "9223372036854775807s");
}

}  // namespace
}  // namespace bounced::config
