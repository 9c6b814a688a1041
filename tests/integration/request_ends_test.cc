// SPDX-License-Identifier: Apache-2.0
// The ends of requests, and the rules between deletions and merges, in both orders of every race.
#include "tests/integration/requests_fixture.h"

namespace bounced::db {
namespace {

TEST_F(Requests, AnEndUnderAClaimThatWasLostChangesNothing) {
  merge(ask(), {bounce("a@x")});
  queue("a@x");
  const auto old = claim();
  recover_requests(session, daemon, {});
  const auto current = claim();
  EXPECT_EQ(finish(old[0], Kind::deleted).lost.size(), 1U);
  EXPECT_EQ(mirror(), "a@x current");
  EXPECT_TRUE(finish(current[0], Kind::deleted).lost.empty());
  EXPECT_EQ(mirror(), "a@x deleted");
  EXPECT_EQ(finish(current[0], Kind::deleted).lost.size(), 1U);  // twice
}

TEST_F(Requests, AnEndWaitsForNobodysLocks) {
  queue("a@x");
  queue("b@x", "d");
  const auto claims = claim();
  ASSERT_EQ(claims.size(), 2U);
  Session merging({.url = url, .application = "merge"});
  const std::vector<RequestEnd> ends{
      {.claim = claims[0], .kind = Kind::deleted, .error = {}, .again_in = {}, .sent_twice = false},
      {.claim = claims[1], .kind = Kind::deleted, .error = {}, .again_in = {}, .sent_twice = false}};
  merging.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select from bounced.customers where name = 'c' for no key update");
    const NotFinished rest = finish_requests(session, ends);
    EXPECT_EQ(rest.busy.size(), 1U);
    EXPECT_TRUE(rest.lost.empty());
  });
  EXPECT_EQ(value("select string_agg(customer || state, ',' order by customer) from bounced.deletion_requests"),
            "csending,ddone");
}

TEST_F(Requests, AnUncommittedRequestHoldsUpNoPoll) {
  Session person({.url = url, .application = "person"});
  person.in_transaction([&](pqxx::work& tx) {
    exec(tx, "insert into bounced.deletion_requests (customer, email) values ('c', 'a@x')");
    merge(ask(), {bounce("a@x")});
  });
}

TEST_F(Requests, TheSameAddressAskedForTwiceIsDeletedByUs) {
  merge(ask(), {bounce("a@x")});
  queue("a@x");
  queue("a@x");
  const auto claims = claim();
  finish_requests(session,
                  {{.claim = claims[0], .kind = Kind::deleted, .error = {}, .again_in = {}, .sent_twice = false},
                   {.claim = claims[1], .kind = Kind::not_listed, .error = {}, .again_in = {}, .sent_twice = false}});
  EXPECT_EQ(mirror(), "a@x deleted");
}

// A list that was asked for before the end and merged after it.
TEST_F(Requests, AnOlderListBringsNothingBack) {
  for (const bool full : {true, false}) {
    SCOPED_TRACE(full ? "full" : "recent");
    const std::string known = full ? "known@x" : "known2@x", unknown = full ? "unknown@x" : "unknown2@x";
    merge(ask(false), {bounce(known)});
    queue(known);
    queue(unknown);
    const auto claims = claim();
    const Claim asked = ask(full);
    for (const auto& one : claims) finish(one, Kind::deleted);
    merge(asked, {bounce(known), bounce(unknown), bounce("other@x")});
    EXPECT_EQ(
        value("select string_agg(email || ' ' || gone_because, ', ' order by email) from bounced.bounces where email "
              "in ('" +
              known + "', '" + unknown + "')"),
        known + " deleted, " + unknown + " deleted");
    EXPECT_EQ(
        value("select gone_at = r.finished_at from bounced.mirror m join bounced.deletion_requests r using (email) "
              "where email = '" +
              unknown + "'"),
        "t");
    EXPECT_EQ(value("select current_bounces from bounced.customers where name = 'c'"), "1");
  }
}

// The same list, merged before the end: what it brought in is made gone by the end.
TEST_F(Requests, AnOlderListMergedBeforeTheEndIsUndone) {
  const Claim asked = ask();
  queue("a@x");
  const auto claims = claim();
  merge(asked, {bounce("a@x")});
  finish(claims[0], Kind::deleted);
  EXPECT_EQ(mirror(), "a@x deleted");
}

// A bounce that was first seen after the claim is a new one, for all we know.
TEST_F(Requests, ABounceSeenAfterTheClaimStays) {
  queue("a@x");
  const auto claims = claim();
  merge(ask(), {bounce("a@x")});
  finish(claims[0], Kind::deleted);
  EXPECT_EQ(mirror(), "a@x current");
}

TEST_F(Requests, WhatAListShowedToBeGoneDuringTheCallWasDeletedByIt) {
  merge(ask(), {bounce("a@x"), bounce("b@x"), bounce("early@x")});
  merge(ask(), {bounce("a@x"), bounce("b@x")});  // somebody else took off early@x
  queue("a@x");
  queue("b@x");
  queue("early@x");
  const auto claims = claim();
  merge(ask(), {});
  EXPECT_EQ(mirror(), "a@x disappeared, b@x disappeared, early@x disappeared");
  finish(claims[0], Kind::deleted);
  finish(claims[1], Kind::not_listed);
  // It had gone before the call: what the API deleted was another, unseen one.
  finish(claims[2], Kind::deleted);
  EXPECT_EQ(mirror(), "a@x deleted, b@x disappeared, early@x disappeared");
}

// It was asked for before the call, but its answer came later.
TEST_F(Requests, WhatAListThatWasInFlightShowedToBeGoneWasDeletedByTheCall) {
  merge(ask(), {bounce("a@x"), bounce("b@x")});
  queue("a@x");
  const Claim in_flight = ask();
  const auto claims = claim();
  merge(in_flight, {bounce("b@x")});
  EXPECT_EQ(mirror(), "a@x disappeared, b@x current");
  finish(claims[0], Kind::deleted);
  EXPECT_EQ(mirror(), "a@x deleted, b@x current");
}

// The call was carried out, but the daemon died before it wrote that. A list showed it before another daemon called.
TEST_F(Requests, WhatACallOfADeadDaemonTookOffWasDeleted) {
  merge(ask(), {bounce("early@x"), bounce("a@x"), bounce("again@x")});
  merge(ask(), {bounce("a@x"), bounce("again@x")});  // somebody else took off early@x
  for (const char* email : {"a@x", "again@x", "early@x"}) queue(email);
  auto claims = claim();
  finish(claims[1], Kind::again);  // a fault after which nobody knows
  merge(ask(), {});
  EXPECT_EQ(mirror(), "a@x disappeared, again@x disappeared, early@x disappeared");
  EXPECT_EQ(recover_requests(session, daemon, {}), 2);
  claims = claim();
  for (const auto& one : claims) finish(one, Kind::not_listed);
  EXPECT_EQ(mirror(), "a@x deleted, again@x deleted, early@x disappeared");
}

TEST_F(Requests, AnEndOfARequestSomebodyHasLockedComesLater) {
  queue("a@x");
  queue("b@x");
  const auto claims = claim();
  Session person({.url = url, .application = "person"});
  const std::vector<RequestEnd> ends{
      {.claim = claims[0], .kind = Kind::deleted, .error = {}, .again_in = {}, .sent_twice = false},
      {.claim = claims[1], .kind = Kind::deleted, .error = {}, .again_in = {}, .sent_twice = false}};
  person.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select from bounced.deletion_queue where email = 'a@x' for update");
    EXPECT_EQ(finish_requests(session, ends).busy, std::vector<std::size_t>{0});
  });
  EXPECT_EQ(states(), "sending,done");
}

TEST_F(Requests, TheApisDelayIsNoReturn) {
  merge(ask(), {bounce("a@x")});
  queue("a@x");
  finish(claim().at(0), Kind::deleted);
  merge(ask(), {bounce("a@x")});
  EXPECT_EQ(mirror(), "a@x deleted");
  // A later bounce of the address is a new one.
  merge(ask(), {bounce("a@x"), bounce("a@x", "2024-06-01 00:00:00")});
  EXPECT_EQ(mirror(), "a@x deleted, a@x current");
  // After ten minutes the old one has come back.
  execute(url, "update bounced.deletion_history set finished_at = now() - interval '11 min'");
  merge(ask(), {bounce("a@x"), bounce("a@x", "2024-06-01 00:00:00")});
  EXPECT_EQ(mirror(), "a@x deleted, a@x current, a@x current");
}

// Both at once, for real: an end while a merge is under way is written after it, and sees what it brought in.
TEST_F(Requests, AnEndDuringAMergeComesAfterIt) {
  const Claim asked = ask();
  queue("a@x");
  const auto claims = claim();
  Session other({.url = url, .application = "merge"});
  NotFinished during;
  other.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select from bounced.customers where name = 'c' for no key update");  // as a merge does first
    exec(tx,
         "insert into bounced.mirror (customer_id, email, status, reason, first_seen_at, last_seen_at) "
         "values (1, 'a@x', '', '', '" +
             asked.asked_at + "', now())");
    during = finish(claims[0], Kind::deleted);
  });
  EXPECT_EQ(during.busy.size(), 1U);
  finish(claims[0], Kind::deleted);
  EXPECT_EQ(mirror(), "a@x deleted");
}

TEST_F(Requests, TheCountOfCurrentBouncesFollowsAtTheNextPoll) {
  merge(ask(), {bounce("a@x"), bounce("b@x")});
  queue("a@x");
  finish(claim().at(0), Kind::deleted);
  merge(ask(), {bounce("b@x")});
  EXPECT_EQ(value("select current_bounces from bounced.customers where name = 'c'"), "1");
}

// A first call may have been carried out, though its answer was lost, and the next one was refused.
TEST_F(Requests, WhatAnUnsureCallTookOffIsOursThoughALaterOneIsRefused) {
  const std::string because = "select gone_because from bounced.mirror order by bounce_id desc limit 1";
  for (const bool list_comes_first : {true, false}) {
    merge(ask(), {bounce("x@example.org")});
    execute(url, "insert into bounced.deletion_requests (customer, email) values ('c', 'x@example.org')");
    finish(claim().at(0), Kind::again);
    const RequestClaim second = claim().at(0);
    if (list_comes_first) {
      merge(ask(), {});
      EXPECT_EQ(query_value(url, because), "disappeared");
    }
    finish(second, Kind::failed);
    if (!list_comes_first) merge(ask(), {});
    EXPECT_EQ(query_value(url, because), "deleted");
  }
  // Whoever takes it off much later is somebody else.
  merge(ask(), {bounce("x@example.org")});
  merge(ask(), {});
  EXPECT_EQ(query_value(url, because), "disappeared");
}

}  // namespace
}  // namespace bounced::db
