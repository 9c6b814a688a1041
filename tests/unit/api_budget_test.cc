// SPDX-License-Identifier: Apache-2.0
#include "sync/api/budget.h"

#include <gtest/gtest.h>

#include <limits>

namespace bounced::api {
namespace {

using namespace std::chrono_literals;

TEST(Budget, WaitingUsesItUp) {
  Budget budget(10s, 100);
  EXPECT_EQ(budget.within(3s), 3s);
  budget.waited(8s);
  EXPECT_EQ(budget.within(3s), 2s);
  EXPECT_FALSE(budget.used_up());
  budget.waited(3s);
  EXPECT_TRUE(budget.used_up());
  EXPECT_EQ(budget.within(3s), 0s);
}

TEST(Budget, AListThatKeepsThePaceMayTakeForEver) {
  Budget budget(10s, 100);
  for (int hour = 0; hour < 3600; ++hour) {
    budget.waited(9s);
    ASSERT_FALSE(budget.used_up());
    budget.earn(900);
  }
}

TEST(Budget, WhatIsSlowerEndsHoweverMuchCameBefore) {
  Budget budget(10s, 100);
  budget.earn(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(budget.left(), 10s);
  for (int piece = 0; piece < 20; ++piece) {
    budget.waited(1s);
    if (!budget.used_up()) budget.earn(40);
  }
  EXPECT_TRUE(budget.used_up());
}

}  // namespace
}  // namespace bounced::api
