// SPDX-License-Identifier: Apache-2.0
#include "sync/in_flight.h"

#include <gmock/gmock.h>

#include <memory>

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class InFlightTest : public testing::Test {
 protected:
  // The check, as often as it is made until so long from now.
  std::vector<InFlight::Item> check_until(std::chrono::seconds later) {
    std::vector<InFlight::Item> all;
    for (; looked_ <= later; looked_ += InFlight::check_every) {
      for (auto& item : in_flight.check(began_ + looked_)) all.push_back(item);
    }
    return all;
  }

  InFlight in_flight;

 private:
  InFlight::Clock::time_point began_ = InFlight::Clock::now();
  std::chrono::seconds looked_{0};
};

TEST_F(InFlightTest, KnowsWhatIsInFlight) {
  std::optional<InFlight::Entry> first = in_flight.begin("poll", "a");
  const InFlight::Entry second = in_flight.begin("poll", "b");
  InFlight::Entry third = in_flight.begin("deletion", "c");
  third = InFlight::Entry(std::move(third));
  EXPECT_EQ(in_flight.count(), 3);
  EXPECT_THAT(in_flight.oldest(2), ElementsAre(Field(&InFlight::Item::whom, "a"), Field(&InFlight::Item::whom, "b")));
  first.reset();
  third = InFlight::Entry();
  EXPECT_THAT(in_flight.oldest(9), ElementsAre(Field(&InFlight::Item::whom, "b")));
}

TEST_F(InFlightTest, WhatOutlivesItsDeadlineIsBrokenOffOnce) {
  std::optional<InFlight::Entry> entry;
  int broken_off = 0;
  entry = in_flight.begin("poll", "a", [&] { ++broken_off; });
  entry->waits_for("its turn", 60s);
  EXPECT_THAT(check_until(85s), IsEmpty());
  EXPECT_THAT(check_until(95s), ElementsAre(Field(&InFlight::Item::waits_for, "its turn")));
  EXPECT_EQ(broken_off, 1);
  EXPECT_THAT(check_until(115s), IsEmpty());
  EXPECT_EQ(in_flight.stalls(), 1);
  EXPECT_FALSE(in_flight.stuck());
  // It did not end.
  check_until(130s);
  EXPECT_TRUE(in_flight.stuck());
  entry.reset();
  EXPECT_FALSE(in_flight.stuck());
  EXPECT_EQ(broken_off, 1);
}

TEST_F(InFlightTest, ANewStepIsAFreshStart) {
  int broken_off = 0;
  InFlight::Entry entry = in_flight.begin("poll", "a", [&] { ++broken_off; });
  InFlight::Entry ends = in_flight.begin("ends", "");
  entry.waits_for("its turn", 60s);
  ends.waits_for("the database", 60s);
  EXPECT_THAT(check_until(130s), SizeIs(2));
  EXPECT_TRUE(in_flight.stuck());
  entry.waits_for("the database", 160s);
  ends.waits_for("the database", 160s);
  EXPECT_FALSE(in_flight.stuck());
  EXPECT_THAT(check_until(185s), IsEmpty());
  EXPECT_THAT(check_until(195s), SizeIs(2));
  EXPECT_EQ(broken_off, 2);
}

TEST_F(InFlightTest, WhatCannotBeBrokenOffIsStuck) {
  InFlight::Entry entry = in_flight.begin("ends", "");
  entry.waits_for("the database", 60s);
  check_until(85s);
  EXPECT_FALSE(in_flight.stuck());
  EXPECT_THAT(check_until(95s), SizeIs(1));
  EXPECT_TRUE(in_flight.stuck());
}

TEST_F(InFlightTest, EachStepHasItsDeadline) {
  InFlight::Entry entry = in_flight.begin("poll", "a");
  entry.waits_for("its turn", 10s);
  check_until(5s);
  entry.waits_for("the list", 300s);
  EXPECT_THAT(check_until(325s), IsEmpty());
  EXPECT_THAT(check_until(335s), SizeIs(1));
}

TEST_F(InFlightTest, BreakingOffMayEndWhateverIsInFlight) {
  std::optional<InFlight::Entry> entries[2];
  int broken_off = 0;
  for (auto& entry : entries) {
    entry = in_flight.begin("poll", "a", [&] {
      ++broken_off;
      for (auto& each : entries) each.reset();
    });
    entry->waits_for("its turn", 1s);
  }
  EXPECT_THAT(check_until(35s), SizeIs(2));
  EXPECT_EQ(in_flight.count(), 0);
}

// A process that was stopped for an hour finds every deadline passed when it goes on.
TEST_F(InFlightTest, TimeInWhichNobodyLookedDoesNotCount) {
  InFlight::Entry entry = in_flight.begin("poll", "a");
  entry.waits_for("its turn", 60s);
  const auto began = InFlight::Clock::now();
  EXPECT_THAT(in_flight.check(began), IsEmpty());
  EXPECT_THAT(in_flight.check(began + 1h), IsEmpty());
  for (auto later = 5s; later < 85s; later += InFlight::check_every) {
    EXPECT_THAT(in_flight.check(began + 1h + later), IsEmpty());
  }
  EXPECT_THAT(in_flight.check(began + 1h + 84s), IsEmpty());
  EXPECT_THAT(in_flight.check(began + 1h + 85s), SizeIs(1));
}

TEST_F(InFlightTest, IsToldAsJson) {
  InFlight::Entry entry = in_flight.begin("poll", "a\"b");
  entry.waits_for("its turn", 60s);
  const auto later = InFlight::Clock::now() + 100s;
  EXPECT_THAT(in_flight_json(in_flight, later),
              HasSubstr(R"({"count":1,"oldest":[{"what":"poll","whom":"a\"b","seconds":1)"));
  EXPECT_THAT(in_flight_json(in_flight, later), HasSubstr(R"("late":true)"));
}

}  // namespace
}  // namespace bounced::sync
