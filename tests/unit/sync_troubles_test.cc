// SPDX-License-Identifier: Apache-2.0
#include "sync/troubles.h"

#include <gtest/gtest.h>

namespace bounced::sync {
namespace {

using Kind = api::Fault::Kind;

class TroublesTest : public testing::Test {
 protected:
  Met fails(const std::string& customer, Kind kind = Kind::unavailable, CallKind calls = CallKind::list) {
    return troubles.fault({kind, {}, {}, 0, api::Fault::Origin::api}, calls, customer, false, now);
  }
  void answers(const std::string& customer, CallKind calls = CallKind::list) { troubles.answered(calls, customer); }

  Troubles troubles;
  Troubles::Time now{};
};

TEST_F(TroublesTest, SeveralThatFailInARowAreTheAccountsTrouble) {
  for (const char* customer : {"a", "b", "c", "d"}) EXPECT_EQ(fails(customer).in_a_row, InARow::few);
  EXPECT_EQ(fails("e").in_a_row, InARow::of_several);
  EXPECT_EQ(fails("a").in_a_row, InARow::of_several);
  // One that is answered ends it.
  answers("b");
  EXPECT_EQ(fails("f").in_a_row, InARow::few);
}

TEST_F(TroublesTest, OneThatFailsInARowIsItsOwnTrouble) {
  EXPECT_EQ(fails("a").in_a_row, InARow::few);
  EXPECT_EQ(fails("a").in_a_row, InARow::few);
  for (int more = 0; more < 10; ++more) EXPECT_EQ(fails("a").in_a_row, InARow::of_customer);
  // What others are told says nothing about it, and the other way round.
  answers("b");
  EXPECT_EQ(fails("a").in_a_row, InARow::of_customer);
  EXPECT_EQ(fails("c").in_a_row, InARow::few);
  answers("a");
  EXPECT_EQ(fails("a").in_a_row, InARow::few);
}

TEST_F(TroublesTest, ThoseThatFailWhileOthersAreAnsweredAreNotCountedTogether) {
  for (const char* customer : {"a", "b", "c", "d", "e", "f"}) {
    fails(customer);
    answers("good");
  }
  for (int round = 0; round < 2; ++round) {
    for (const char* customer : {"a", "b", "c", "d", "e", "f"}) EXPECT_NE(fails(customer).in_a_row, InARow::of_several);
  }
  // Now that those fail too which were well, all do.
  for (const char* customer : {"g", "h", "i", "j", "good"}) fails(customer);
  EXPECT_EQ(fails("a").in_a_row, InARow::of_several);
}

TEST_F(TroublesTest, KindsOfCallAreCountedApart) {
  for (const char* customer : {"a", "b", "c", "d", "e"}) fails(customer, Kind::not_permitted, CallKind::deletion);
  EXPECT_EQ(fails("a", Kind::not_permitted, CallKind::deletion).in_a_row, InARow::of_several);
  EXPECT_EQ(fails("a", Kind::not_permitted, CallKind::list).in_a_row, InARow::few);
  answers("a", CallKind::list);
  EXPECT_EQ(fails("b", Kind::not_permitted, CallKind::deletion).in_a_row, InARow::of_several);
}

TEST_F(TroublesTest, ALimitIsNobodysTrouble) {
  for (const char* customer : {"a", "b", "c", "d", "e", "f"}) {
    EXPECT_EQ(fails(customer, Kind::rate_limited).in_a_row, InARow::few);
  }
}

TEST_F(TroublesTest, CredentialsThatServeOthersAreNotWrong) {
  // Nothing is known of the key yet.
  EXPECT_FALSE(fails("bad", Kind::credentials).others_answered);
  answers("good");
  EXPECT_TRUE(fails("bad", Kind::credentials).others_answered);
  EXPECT_TRUE(fails("bad", Kind::credentials).others_answered);
  // A second one that was well: the key is wrong now.
  EXPECT_FALSE(fails("good", Kind::credentials).others_answered);
  EXPECT_FALSE(fails("bad", Kind::credentials).others_answered);
}

TEST_F(TroublesTest, OldFailuresAreForgotten) {
  for (const char* customer : {"a", "b", "c", "d"}) fails(customer);
  fails("a");
  now += std::chrono::minutes(14);
  EXPECT_EQ(fails("a").in_a_row, InARow::of_several);
  now += std::chrono::minutes(2);
  EXPECT_EQ(fails("e").in_a_row, InARow::few);
  EXPECT_EQ(fails("a").in_a_row, InARow::of_several);
  now += std::chrono::minutes(16);
  EXPECT_EQ(fails("a").in_a_row, InARow::few);
}

TEST_F(TroublesTest, ItsOwnAnswersProveNothingForACustomer) {
  answers("only");
  EXPECT_FALSE(fails("only", Kind::credentials).others_answered);
}

TEST_F(TroublesTest, SeveralWithATroubleOfTheirOwnDoNotMakeCredentialsWrong) {
  for (const char* customer : {"bad", "worse", "worst"}) {
    answers("good", CallKind::deletion);
    EXPECT_TRUE(fails(customer, Kind::credentials).others_answered);
  }
  answers("good");
  for (const char* customer : {"bad", "worse", "worst"})
    EXPECT_TRUE(fails(customer, Kind::credentials).others_answered);
}

}  // namespace
}  // namespace bounced::sync
