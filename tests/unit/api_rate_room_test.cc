// SPDX-License-Identifier: Apache-2.0
#include "sync/api/rate_room.h"

#include <gmock/gmock.h>

#include <ctime>

namespace bounced::api {
namespace {

using namespace std::chrono_literals;

HttpHead head(const std::string& remaining, std::time_t reset_in, const std::string& limit = "100") {
  HttpHead head;
  head.rate_limit = limit;
  head.rate_limit_remaining = remaining;
  head.rate_limit_reset = std::to_string(std::time(nullptr) + reset_in);
  return head;
}

TEST(RateRoom, IsThereUntilTheApiSaysThatLittleIsLeft) {
  RateRoom room;
  EXPECT_EQ(room.wait_for(), std::nullopt);
  RateRoom::Call(room).answered({});
  EXPECT_EQ(room.wait_for(), std::nullopt);
  RateRoom::Call(room).answered(head("3", 30));
  EXPECT_EQ(room.wait_for(), std::nullopt);
  RateRoom::Call(room).answered(head("2", 30));  // the reserve, for other daemons
  ASSERT_TRUE(room.wait_for());
  EXPECT_NEAR(static_cast<double>(room.wait_for()->count()), 30, 2);
}

TEST(RateRoom, WhatIsInFlightIsCounted) {
  RateRoom room;
  RateRoom::Call(room).answered(head("4", 30));
  EXPECT_EQ(room.wait_for(), std::nullopt);
  {
    const RateRoom::Call one(room);
    EXPECT_EQ(room.wait_for(), std::nullopt);
    const RateRoom::Call two(room);
    EXPECT_TRUE(room.wait_for());
  }
  EXPECT_EQ(room.wait_for(), std::nullopt);
}

TEST(RateRoom, AnswersOfOneWindowThatComeLateCountForNothing) {
  RateRoom room;
  RateRoom::Call(room).answered(head("0", 30));
  RateRoom::Call(room).answered(head("50", 30));
  EXPECT_TRUE(room.wait_for());
  RateRoom::Call(room).answered(head("99", 90));  // the next window
  EXPECT_EQ(room.wait_for(), std::nullopt);
}

TEST(RateRoom, NumbersThatAreNoneSayNothing) {
  RateRoom room;
  for (const char* remaining : {"", "-1", "none", "1.5"}) RateRoom::Call(room).answered(head(remaining, 30));
  HttpHead without_reset = head("0", 30);
  without_reset.rate_limit_reset.clear();
  RateRoom::Call(room).answered(without_reset);
  EXPECT_EQ(room.wait_for(), std::nullopt);
}

}  // namespace
}  // namespace bounced::api
