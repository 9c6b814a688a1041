// SPDX-License-Identifier: Apache-2.0
#include "sync/decision.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace bounced::sync {
namespace {

using Kind = api::Fault::Kind;
using Origin = api::Fault::Origin;
using End = Decision::End;
using Pause = Decision::Pause;

const std::vector<Kind> kinds{Kind::credentials, Kind::not_permitted, Kind::rate_limited,
                              Kind::unavailable, Kind::refused,       Kind::not_understood};
const std::vector<Origin> origins{Origin::api, Origin::between, Origin::network, Origin::ours};

// Everything that can be met.
std::vector<Met> everything() {
  std::vector<Met> all;
  for (const Kind kind : kinds) {
    for (const Origin origin : origins) {
      for (const CallKind calls : {CallKind::list, CallKind::deletion, CallKind::subusers}) {
        for (const bool many : {false, true}) {
          for (const bool others : {false, true}) {
            for (const InARow in_a_row : {InARow::few, InARow::of_customer, InARow::of_several}) {
              all.push_back({kind, origin, calls, many, others, in_a_row});
            }
          }
        }
      }
    }
  }
  return all;
}

// The same decisions in other words, so that a change of the table is a change of two places.
Decision expected(const Met& met) {
  const bool api = met.origin == Origin::api;
  if (met.kind == Kind::rate_limited) return {End::released, Pause::calls};
  if (met.kind == Kind::credentials && !api) return {End::released, Pause::calls};
  if (met.kind == Kind::credentials && !met.others_answered) return {End::released, Pause::account};
  if (met.kind == Kind::credentials) {
    return {End::again, met.in_a_row == InARow::few ? Pause::none : Pause::customer};
  }
  const bool says_no_to_addresses = met.kind == Kind::refused && api && met.calls == CallKind::deletion;
  switch (met.in_a_row) {
    case InARow::few:
      if (!says_no_to_addresses) return {End::again, Pause::none};
      return {met.many ? End::one_by_one : End::failed, Pause::none};
    case InARow::of_customer:
      return {End::again, Pause::customer};
    case InARow::of_several:
      break;
  }
  return {says_no_to_addresses ? End::again : End::released, Pause::calls};
}

std::string said(const Met& met) {
  return std::string(api::name(met.kind)) + ", by " + api::name(met.origin) + ", " + name(met.calls) +
         (met.many ? ", several addresses" : "") + (met.others_answered ? ", others get answers" : "") +
         ", in a row: " + std::to_string(static_cast<int>(met.in_a_row));
}

TEST(Decision, TheWholeTable) {
  for (const Met& met : everything()) EXPECT_EQ(decide(met), expected(met)) << said(met);
}

TEST(Decision, OnlyTheApisWordsAboutOneAddressFailARequestForGood) {
  for (const Met& met : everything()) {
    if (decide(met).end != End::failed) continue;
    EXPECT_EQ(met.origin, Origin::api) << said(met);
    EXPECT_EQ(met.calls, CallKind::deletion) << said(met);
    EXPECT_FALSE(met.many) << said(met);
    EXPECT_EQ(met.in_a_row, InARow::few) << said(met);
  }
}

TEST(Decision, NothingIsTriedInATightLoop) {
  for (const Met& met : everything()) {
    const Decision decision = decide(met);
    // What is given back would be sent again at once.
    if (decision.end == End::released) {
      EXPECT_NE(decision.pause, Pause::none) << said(met);
    }
    // Each of a thousand requests would meet the same.
    if (met.in_a_row != InARow::few) {
      EXPECT_NE(decision.pause, Pause::none) << said(met);
    }
    // One by one comes once: what is sent by itself is not many.
    if (decision.end == End::one_by_one) {
      EXPECT_TRUE(met.many) << said(met);
    }
  }
}

TEST(Decision, OnlyWrongCredentialsPauseTheWholeAccount) {
  for (const Met& met : everything()) {
    if (decide(met).pause == Pause::account) {
      EXPECT_EQ(met.kind, Kind::credentials) << said(met);
      EXPECT_EQ(met.origin, Origin::api) << said(met);
      EXPECT_FALSE(met.others_answered) << said(met);
    }
  }
}

TEST(Decision, TheTableStandsInContributing) {
  std::ifstream file(BOUNCED_CONTRIBUTING);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), testing::HasSubstr(decision_table())) << "It should be:\n" << decision_table();
}

}  // namespace
}  // namespace bounced::sync
