// SPDX-License-Identifier: Apache-2.0
// For whom requests are claimed, and in which order they are sent.
#include "sync/request_lanes.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace bounced::sync {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Answer = RequestLanes::Answer;

class Lanes : public testing::Test {
 protected:
  // Customers 1, 2, … with requests that are due.
  void find(std::vector<int> customers, const std::string& account = "main") {
    std::vector<db::WaitingCustomer> waiting;
    for (const int id : customers)
      waiting.push_back({.customer_id = id, .customer = "c" + std::to_string(id), .account = account});
    lanes.found(waiting);
  }

  // The database, with so many requests for each: claims what the lanes ask for.
  std::size_t claim(std::map<int, int>& queue) { return answer_claim(lanes.to_claim(), queue); }
  std::size_t answer_claim(const std::vector<db::Lane>& asked, std::map<int, int>& queue) {
    std::vector<db::RequestClaim> claims;
    for (const db::Lane& lane : asked) {
      for (int place = 0; place < lane.places && queue[lane.customer_id] > 0; ++place, --queue[lane.customer_id]) {
        db::RequestClaim one;
        one.request_id = ++last_request;
        one.number = one.request_id;
        one.customer_id = lane.customer_id;
        one.position = {.next_attempt_at = "2026-01-01", .request_id = one.request_id};
        claims.push_back(one);
      }
    }
    lanes.claimed(asked, claims);
    return claims.size();
  }

  // The customers whose requests are sent next.
  std::vector<int> send(int most) {
    std::vector<int> customers;
    while (static_cast<int>(customers.size()) < most) {
      auto request = lanes.next();
      if (!request) break;
      customers.push_back(request->claim.customer_id);
      sent.push_back(*request);
    }
    return customers;
  }
  void answer(Answer kind) {
    for (const auto& request : std::exchange(sent, {})) {
      lanes.answered(request, kind);
      lanes.let_go(request);
    }
  }

  std::int64_t last_request = 0;
  std::vector<RequestLanes::Request> sent;
  int account_limit = 100;
  RequestLanes lanes{[] { return 4; },
                     [this](const std::string& account) {
                       return RequestLanes::Limits{.in_flight = account_limit,
                                                   .waiting = account == "limited" ? 2 : 0,
                                                   .per_call = account == "batches" ? 100 : 1};
                     }};
};

TEST_F(Lanes, CustomersTakeTurns) {
  std::map<int, int> queue{{1, 100}, {2, 2}, {3, 100}};
  find({1, 2, 3});
  claim(queue);
  EXPECT_THAT(send(4), ElementsAre(1, 2, 3, 1));
  EXPECT_THAT(send(1), IsEmpty());  // four are in flight
  answer(Answer::well);
  EXPECT_THAT(send(4), ElementsAre(2, 3, 1, 3));
}

TEST_F(Lanes, WhoComesLateIsClaimedForAtOnceAndSentNext) {
  std::map<int, int> queue{{1, 1000}};
  find({1});
  while (claim(queue) > 0) continue;
  send(4);
  queue[2] = 1;
  find({2});
  const auto asked = lanes.to_claim();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].customer_id, 2);
  claim(queue);
  answer(Answer::well);
  // At most one other stands before it.
  EXPECT_THAT(send(2), testing::Contains(2));
}

TEST_F(Lanes, NoMoreIsClaimedThanWillSoonBeSent) {
  std::map<int, int> queue;
  std::vector<int> all;
  for (int id = 1; id <= 500; ++id) {
    queue[id] = 1000;
    all.push_back(id);
  }
  find(all);
  std::size_t claimed = 0;
  while (const std::size_t got = claim(queue)) claimed += got;
  EXPECT_LE(claimed, 64U + 4U);
  EXPECT_GE(claimed, 16U);
}

TEST_F(Lanes, WhatIsHeldKeepsNothingFromOthers) {
  std::map<int, int> queue{{1, 1000}, {2, 1000}};
  find({1});
  while (claim(queue) > 0) continue;
  lanes.hold(1, true);
  find({2});
  std::size_t claimed = 0;
  while (const std::size_t got = claim(queue)) claimed += got;
  EXPECT_GE(claimed, 16U);
  EXPECT_THAT(send(4), ElementsAre(2, 2, 2, 2));
  answer(Answer::well);
  lanes.hold(1, false);
  EXPECT_THAT(lanes.to_claim(), IsEmpty());
  EXPECT_THAT(send(2), testing::UnorderedElementsAre(1, 2));
}

TEST_F(Lanes, EveryCustomerGetsItsTurnOverSeveralClaims) {
  std::map<int, int> queue;
  std::vector<int> all;
  for (int id = 1; id <= 200; ++id) {
    queue[id] = 1000;
    all.push_back(id);
  }
  find(all);
  std::set<int> served;
  for (int round = 0; round < 120; ++round) {
    claim(queue);
    for (const int customer : send(4)) served.insert(customer);
    answer(Answer::well);
  }
  EXPECT_EQ(served.size(), 200U);
}

TEST_F(Lanes, AnAccountHasNoMoreCallsThanItAllows) {
  account_limit = 2;
  std::map<int, int> queue{{1, 10}, {2, 10}};
  find({1}, "a");
  find({2}, "b");
  claim(queue);
  EXPECT_THAT(send(9), testing::UnorderedElementsAre(1, 1, 2, 2));
}

TEST_F(Lanes, ATroubledCustomerGetsOneCallAtATimeUntilOneGoesWell) {
  std::map<int, int> queue{{1, 10}};
  find({1});
  claim(queue);
  EXPECT_EQ(send(4).size(), 4U);
  answer(Answer::fault);
  EXPECT_EQ(send(4).size(), 1U);
  answer(Answer::fault);
  EXPECT_EQ(send(4).size(), 1U);
  answer(Answer::well);
  EXPECT_EQ(send(4).size(), 4U);
}

TEST_F(Lanes, ATroubledAccountLeavesPlacesToOthers) {
  std::map<int, int> queue{{1, 10}, {2, 10}, {3, 10}, {4, 10}};
  find({1, 2, 4}, "bad");
  find({3}, "good");
  claim(queue);
  while (!send(1).empty()) continue;
  std::vector<RequestLanes::Request> all = std::exchange(sent, {});
  for (const auto& request : all) {
    lanes.answered(request, request.account == "bad" ? Answer::fault : Answer::well);
    lanes.let_go(request);
  }
  const auto next = send(4);
  EXPECT_EQ(std::count(next.begin(), next.end(), 3), 3);
}

// A call of one hangs, and one of the other was refused: the latter's next one waits for neither.
TEST_F(Lanes, TheTroubleOfACustomerOrTwoIsNotTheAccounts) {
  std::map<int, int> queue{{1, 10}, {2, 10}};
  find({1, 2});
  claim(queue);
  const auto hangs = lanes.next();
  const auto refused = lanes.next();
  ASSERT_NE(hangs->claim.customer_id, refused->claim.customer_id);
  lanes.answered(*refused, Answer::fault);
  lanes.let_go(*refused);
  EXPECT_THAT(send(4), testing::Contains(refused->claim.customer_id));
}

TEST_F(Lanes, WhatWasNotSentCanBeTakenOutAndTheLaneEnds) {
  std::map<int, int> queue{{1, 6}};
  find({1});
  claim(queue);
  send(4);
  const auto taken = lanes.take_unsent("main");
  EXPECT_EQ(taken.size(), 2U);
  EXPECT_THAT(lanes.to_claim(), IsEmpty());
  answer(Answer::none);
  EXPECT_FALSE(lanes.idle());
  for (const auto& request : taken) lanes.let_go(request);
  EXPECT_TRUE(lanes.idle());
  EXPECT_THAT(lanes.in_hand(), IsEmpty());
}

TEST_F(Lanes, WhereACallTakesManyTheyGoTogether) {
  find({1}, "batches");
  find({2});
  std::map<int, int> queue{{1, 250}, {2, 3}};
  while (claim(queue) > 0) continue;
  EXPECT_THAT(queue, testing::Each(testing::Field(&std::pair<const int, int>::second, 0)));
  std::map<int, std::vector<std::size_t>> calls;  // by customer: how many others went with each
  while (auto request = lanes.next()) {
    const auto along = lanes.sent(*request, request->account == "batches" ? 100 : 1);
    calls[request->claim.customer_id].push_back(along.size());
    lanes.answered(*request, Answer::well);
    lanes.let_go(*request);
    for (const auto& other : along) lanes.let_go(other);
  }
  EXPECT_THAT(calls[1], ElementsAre(99U, 99U, 49U));
  EXPECT_THAT(calls[2], ElementsAre(0U, 0U, 0U));
  EXPECT_TRUE(lanes.idle());
}

TEST_F(Lanes, WhatWasSentBeforeGoesAlone) {
  find({1}, "batches");
  const auto asked = lanes.to_claim();
  std::vector<db::RequestClaim> claims(4);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    claims[i].request_id = claims[i].number = static_cast<std::int64_t>(i) + 1;
    claims[i].customer_id = 1;
    claims[i].position = {.next_attempt_at = "2026-01-01", .request_id = claims[i].request_id};
  }
  claims[1].attempts = 1;
  claims[2].may_be_done = true;
  lanes.claimed(asked, claims);
  auto first = lanes.next();
  EXPECT_THAT(lanes.sent(*first, 100), testing::SizeIs(1));  // the fourth one
  auto second = lanes.next();
  EXPECT_EQ(second->claim.attempts, 1);
  EXPECT_THAT(lanes.sent(*second, 100), IsEmpty());
}

// Its account was paused, or we were taken for dead, while the database was being asked.
TEST_F(Lanes, WhatIsTakenOutDuringAClaimIsThereWhenTheClaimComes) {
  find({1});
  std::map<int, int> queue{{1, 3}};
  const std::vector<db::Lane> asked = lanes.to_claim();
  EXPECT_THAT(lanes.take_unsent(), IsEmpty());
  EXPECT_FALSE(lanes.idle());
  answer_claim(asked, queue);
  EXPECT_THAT(send(9), ElementsAre(1, 1, 1));
  answer(Answer::well);
  EXPECT_TRUE(lanes.idle());
}

TEST_F(Lanes, AClaimThatFailedEndsTheLane) {
  find({1});
  lanes.claimed(lanes.to_claim(), {});
  EXPECT_TRUE(lanes.idle());
}

TEST_F(Lanes, AClaimGoesOnBehindTheLastOneUntilItIsFoundAgain) {
  std::map<int, int> queue{{1, 1000}};
  find({1});
  claim(queue);
  const std::int64_t last = last_request;
  while (!send(1).empty()) answer(Answer::well);
  ASSERT_FALSE(lanes.to_claim().empty());
  EXPECT_EQ(lanes.to_claim()[0].after.request_id, last);
  find({1});
  EXPECT_EQ(lanes.to_claim()[0].after.request_id, 0);
}

TEST_F(Lanes, ThoseThatWaitForTheirTurnTakeNoPlacesFromOthers) {
  std::map<int, int> queue{{1, 100}, {2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}};
  find({1}, "limited");
  claim(queue);
  EXPECT_THAT(send(5), ElementsAre(1, 1));  // more need not wait
  find({2, 3, 4, 5, 6}, "main");
  claim(queue);
  claim(queue);
  EXPECT_THAT(send(5), ElementsAre(2, 3, 4, 5));
  // One has its turn now, and the next one may wait for the following.
  lanes.sent(sent[0], 1);
  EXPECT_THAT(send(5), IsEmpty());  // five are in flight, of four
  lanes.answered(sent[5], Answer::well);
  EXPECT_THAT(send(1), IsEmpty());
  // One that was turned back had no place.
  lanes.answered(sent[1], Answer::none);
  EXPECT_THAT(send(1), IsEmpty());
  lanes.answered(sent[4], Answer::well);
  EXPECT_THAT(send(5), ElementsAre(1, 6));
}

}  // namespace
}  // namespace bounced::sync
