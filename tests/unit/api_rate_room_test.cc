// SPDX-License-Identifier: Apache-2.0
#include "sync/api/rate_room.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <ctime>
#include <memory>
#include <thread>
#include <vector>

namespace bounced::api {
namespace {

using namespace std::chrono_literals;

HttpHead head(const std::string& remaining, std::time_t reset_in, const std::string& limit = "100") {
  HttpHead head;
  head.rate_limit = limit;
  head.status = 200;
  head.rate_limit_remaining = remaining;
  head.rate_limit_reset = std::to_string(std::time(nullptr) + reset_in);
  return head;
}

// Of lists, unless it is said otherwise.
class RateRoom : public testing::Test {
 protected:
  using Kind = RateRooms::Kind;
  using Call = RateRooms::Call;

  void answer(const HttpHead& head, Kind kind = Kind::list) { Call(rooms, kind).answered(head); }
  std::optional<std::chrono::seconds> wait_for(Kind kind = Kind::list) { return rooms.wait_for(kind); }

  boost::asio::io_context io{1};
  RateRooms rooms{io.get_executor()};
};

TEST_F(RateRoom, IsThereUntilTheApiSaysThatLittleIsLeft) {
  EXPECT_EQ(wait_for(), std::nullopt);
  answer({});
  EXPECT_EQ(wait_for(), std::nullopt);
  answer(head("3", 30));
  EXPECT_EQ(wait_for(), std::nullopt);
  answer(head("2", 30));  // the reserve, for other daemons
  ASSERT_TRUE(wait_for());
  EXPECT_NEAR(static_cast<double>(wait_for()->count()), 30, 2);
}

TEST_F(RateRoom, WhatIsInFlightIsCounted) {
  answer(head("4", 30));
  EXPECT_EQ(wait_for(), std::nullopt);
  {
    const Call one(rooms, Kind::list);
    EXPECT_EQ(wait_for(), std::nullopt);
    const Call two(rooms, Kind::list);
    EXPECT_TRUE(wait_for());
  }
  EXPECT_EQ(wait_for(), std::nullopt);
}

TEST_F(RateRoom, AnswersOfOneWindowThatComeLateCountForNothing) {
  answer(head("0", 30));
  answer(head("50", 30));
  EXPECT_TRUE(wait_for());
  answer(head("99", 90));  // the next window
  EXPECT_EQ(wait_for(), std::nullopt);
}

TEST_F(RateRoom, NumbersThatAreNoneSayNothing) {
  for (const char* remaining : {"", "-1", "none", "1.5"}) answer(head(remaining, 30));
  HttpHead without_reset = head("0", 30);
  without_reset.rate_limit_reset.clear();
  answer(without_reset);
  EXPECT_EQ(wait_for(), std::nullopt);
}

TEST_F(RateRoom, AResetInMillisecondsIsOne) {
  HttpHead in_ms = head("0", 30);
  in_ms.rate_limit_reset += "000";
  answer(in_ms);
  ASSERT_TRUE(wait_for());
  EXPECT_NEAR(static_cast<double>(wait_for()->count()), 30, 2);
}

// Of a new window nothing is known but the limit.
// What says so may be wrong: after an hour at most a call finds out, and before, an answer that says otherwise counts.
TEST_F(RateRoom, AResetThatIsFarAwayIsBelievedForAnHour) {
  answer(head("0", 72'000));
  ASSERT_TRUE(wait_for());
  EXPECT_LE(wait_for()->count(), 3600);
  answer(head("599", 10));
  ASSERT_TRUE(wait_for());
  EXPECT_LE(wait_for()->count(), 11);
}

TEST_F(RateRoom, ALimitThatIsNoneOverflowsNothing) {
  answer(head("2147483647", 30));
  EXPECT_EQ(wait_for(), std::nullopt);
}

TEST_F(RateRoom, ANewWindowHasNoMoreThanTheLimit) {
  answer(head("0", -1, "3"));  // a second from now at least
  ASSERT_TRUE(wait_for());
  std::this_thread::sleep_for(1100ms);  // windows are in whole seconds of the real clock
  std::vector<std::unique_ptr<Call>> calls;
  while (!wait_for() && calls.size() < 10) calls.push_back(std::make_unique<Call>(rooms, Kind::list));
  EXPECT_EQ(calls.size(), 3U);
}

TEST_F(RateRoom, TheFirstCallFindsOutWhetherThereIsALimit) {
  EXPECT_FALSE(rooms.is_finding_out(Kind::list));
  {
    const Call broken(rooms, Kind::list);  // it finds out nothing
  }
  {
    Call first(rooms, Kind::list);
    EXPECT_TRUE(rooms.is_finding_out(Kind::list));
    EXPECT_FALSE(rooms.is_finding_out(Kind::deletion));
    first.answered(head("50", 30));
  }
  const Call second(rooms, Kind::list);
  EXPECT_FALSE(rooms.is_finding_out(Kind::list));
}

TEST_F(RateRoom, KindsThatAreCountedApartStayApart) {
  answer(head("50", 30));
  for (int left = 9; left >= 3; --left) answer(head(std::to_string(left), 30), Kind::deletion);
  answer(head("49", 30));
  answer(head("2", 30), Kind::deletion);
  EXPECT_TRUE(wait_for(Kind::deletion));
  EXPECT_EQ(wait_for(), std::nullopt);
}

TEST_F(RateRoom, KindsThatAreCountedTogetherAreFoundOut) {
  answer(head("50", 30));
  for (int left = 49; left >= 45; --left) answer(head(std::to_string(left), 30), Kind::deletion);
  answer(head("44", 30));
  EXPECT_EQ(wait_for(), std::nullopt);
  answer(head("2", 30), Kind::deletion);
  EXPECT_TRUE(wait_for());
}

}  // namespace
}  // namespace bounced::api
