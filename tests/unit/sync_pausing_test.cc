// SPDX-License-Identifier: Apache-2.0
#include "sync/pausing.h"

#include <gmock/gmock.h>

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;

TEST(Pausing, NobodyWaitsLongerThanForAPoll) {
  Account account;
  account.settings.schedule.every = 10min;
  const api::Fault fault{api::Fault::Kind::unavailable, "down", {}, 0};
  account.shortest_interval = 5min;
  EXPECT_EQ(pause_after(fault, account).cap, 5min);
  account.shortest_interval = 2s;
  EXPECT_EQ(pause_after(fault, account).cap, 20s);
  account.shortest_interval = 24h;
  EXPECT_EQ(pause_after(fault, account).cap, 15min);
}

}  // namespace
}  // namespace bounced::sync
