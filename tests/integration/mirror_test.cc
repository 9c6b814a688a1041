// SPDX-License-Identifier: Apache-2.0
// The rules that keep the mirror true, at the database itself: no API, no network.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>

#include "tests/integration/mirror_fixture.h"

namespace bounced::db {
namespace {

using testing::HasSubstr;

TEST_F(Mirror, NewBouncesComeInAtTheTimeTheListWasAskedFor) {
  const Claim claimed = claim();
  const Merged merged = merge(claimed, {bounce("a@example.com"), bounce("b@example.com", "")});
  EXPECT_EQ(merged.added, 2);
  EXPECT_EQ(value(fmt::format("select count(*) from bounced.current_bounces where first_seen_at = '{0}' and "
                              "last_seen_at = '{0}' and customer = 'c' and account = 'main' and active",
                              claimed.asked_at)),
            "2");
  // Local times are read in the account's zone: in May that is seven hours behind UTC.
  EXPECT_EQ(of("a@example.com", "bounced_at at time zone 'UTC'"), "2024-05-06 14:08:09");
  EXPECT_EQ(of("b@example.com", "bounced_at"), "null");
  EXPECT_EQ(value("select current_bounces from bounced.customers"), "2");
}

TEST_F(Mirror, AnInstantIsTakenAsItIs) {
  ListedBounce instant = bounce("a@example.com");
  instant.created = Instant(std::chrono::seconds(1'700'000'000));
  full({instant});
  EXPECT_EQ(of("a@example.com", "extract(epoch from bounced_at)::bigint"), "1700000000");
}

TEST_F(Mirror, AnUnchangedFullPollWritesNoRowOfTheMirrorButLastSeenMoves) {
  const List list = numbered(10'000);
  full(list);
  const std::string before = rows();
  const auto written = [&] {
    return value("select n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables where relname = 'mirror'");
  };
  // A session's counts reach the others when it ends, at the latest.
  const auto flush = [&] {
    session.in_transaction([](pqxx::work& tx) { exec(tx, "select pg_stat_force_next_flush()"); });
  };
  flush();
  const std::string written_before = written();
  EXPECT_EQ(written_before, "10000");

  const Claim again = claim();
  const Merged merged = merge(again, list);

  EXPECT_FALSE(merged.changed_something());
  flush();
  EXPECT_EQ(written(), written_before);
  EXPECT_EQ(rows(), before);
  EXPECT_EQ(
      value(fmt::format("select count(*) from bounced.current_bounces where last_seen_at = '{}'", again.asked_at)),
      "10000");
  EXPECT_EQ(value("select count(*) from bounced.polls"), "1");  // the first one: it changed something
}

TEST_F(Mirror, StatusAndReasonFollowTheApi) {
  full({bounce("a@example.com", "2024-01-01 00:00:00", "old", "4.0.0"), bounce("b@example.com")});
  const Merged merged = full({bounce("a@example.com", "2024-01-01 00:00:00", "new", "5.0.0"), bounce("b@example.com")});
  EXPECT_EQ(merged.changed, 1);
  EXPECT_EQ(merged.added + merged.disappeared + merged.superseded, 0);
  EXPECT_EQ(of("a@example.com", "status || ' ' || reason"), "5.0.0 new");
}

TEST_F(Mirror, WhatACompleteFullListLacksIsGone) {
  const Claim first = claim();
  merge(first, {bounce("a@example.com"), bounce("b@example.com")});
  const Claim second = claim();
  const Merged merged = merge(second, {bounce("b@example.com")});
  EXPECT_EQ(merged.disappeared, 1);
  EXPECT_EQ(of("a@example.com", "gone_because"), "disappeared");
  EXPECT_EQ(of("a@example.com", fmt::format("gone_at = '{}'", second.asked_at)), "t");
  // The last time it really was seen, and not later.
  EXPECT_EQ(of("a@example.com", fmt::format("last_seen_at = '{}'", first.asked_at)), "t");
  EXPECT_EQ(value("select current_bounces from bounced.customers"), "1");
}

TEST_F(Mirror, ALaterBounceOfTheAddressSupersedes) {
  full({bounce("a@example.com", "2024-01-01 00:00:00"), bounce("none@example.com", ""),
        bounce("earlier@example.com", "2024-01-02 00:00:00")});
  const Merged merged =
      full({bounce("a@example.com", "2024-01-02 00:00:00"), bounce("none@example.com", "2024-01-01 00:00:00"),
            bounce("earlier@example.com", "2024-01-01 00:00:00")});
  EXPECT_EQ(merged.superseded, 2);
  EXPECT_EQ(merged.disappeared, 1);
  const std::string gone = "select gone_because from bounced.bounces where gone_at is not null and email = ";
  EXPECT_EQ(value(gone + "'a@example.com'"), "superseded");
  EXPECT_EQ(value(gone + "'none@example.com'"), "superseded");      // no time is earlier than any
  EXPECT_EQ(value(gone + "'earlier@example.com'"), "disappeared");  // the list's bounce is not a later one
}

// They are in none of the ranges of time in which a long list is read.
TEST_F(Mirror, AListReadByTimeSaysNothingOfBouncesWithoutATime) {
  const ListedBounce undated = bounce("none@example.com", "");
  full({bounce("a@example.com"), bounce("b@example.com"), undated});
  const List list{bounce("a@example.com")};
  ListFacts by_time = facts(list);
  by_time.by_time = true;
  const auto merged = std::get<Merged>(merge_short(session, claim(), by_time, {list}));
  EXPECT_EQ(merged.disappeared, 1);
  EXPECT_EQ(merged.lacking, 1);
  EXPECT_EQ(value("select string_agg(email, ' ' order by email) from bounced.current_bounces"),
            "a@example.com none@example.com");
  // What is current is not exactly that list: the next one is compared again.
  EXPECT_EQ(value("select list_print from bounced.customers"), "null");
  EXPECT_FALSE(std::get<Merged>(merge_short(session, claim(), by_time, {list})).changed_something());
  // One that is a single page does.
  EXPECT_EQ(full(list).disappeared, 1);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "1");
}

TEST_F(Mirror, ABounceThatComesBackIsANewRow) {
  full({bounce("a@example.com"), bounce("b@example.com")});
  full({bounce("b@example.com")});
  const Claim back = claim();
  EXPECT_EQ(merge(back, {bounce("a@example.com"), bounce("b@example.com")}).added, 1);
  EXPECT_EQ(value("select count(*) from bounced.bounces where email = 'a@example.com'"), "2");
  EXPECT_EQ(value("select first_seen_at from bounced.current_bounces where email = 'a@example.com'"), back.asked_at);
}

TEST_F(Mirror, TheSameAddressMayBounceSeveralTimes) {
  full({bounce("a@example.com", "2024-01-01 00:00:00"), bounce("a@example.com", "2024-01-02 00:00:00"),
        bounce("a@example.com", "")});
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "3");
  EXPECT_FALSE(full({bounce("a@example.com", "2024-01-01 00:00:00"), bounce("a@example.com", "2024-01-02 00:00:00"),
                     bounce("a@example.com", "")})
                   .changed_something());
}

TEST_F(Mirror, OfEntriesWithTheSameIdentityTheSameCountsAtEveryPoll) {
  const ListedBounce one = bounce("a@example.com", "2024-01-01 00:00:00", "one");
  const ListedBounce two = bounce("a@example.com", "2024-01-01 00:00:00", "two");
  EXPECT_EQ(full({one, two, two}).added, 1);
  EXPECT_FALSE(full({two, one}).changed_something());
  EXPECT_FALSE(recent({two, one, two}).changed_something());
  EXPECT_EQ(of("a@example.com", "reason"), "one");
}

TEST_F(Mirror, AddressesAreComparedByteForByte) {
  EXPECT_EQ(full({bounce("a@example.com"), bounce("A@example.com"), bounce("a@example.com ")}).added, 3);
}

TEST_F(Mirror, TextOfEveryKindArrivesAsItIs) {
  const std::string reason = "tab\there \\N \\. \"quoted\" 'x' <a@b> ünïcode 日本 \xF0\x9F\x98\x80 \\";
  full({bounce("back\\slash@example.com", "2024-01-01 00:00:00", reason, "")});
  EXPECT_EQ(value("select reason from bounced.bounces"), reason);
  EXPECT_EQ(value("select email from bounced.bounces"), "back\\slash@example.com");
  EXPECT_EQ(value("select status from bounced.bounces"), "");
}

TEST_F(Mirror, ARecentPollAddsUpdatesAndNotesButMakesNothingGone) {
  const Claim first = claim();
  merge(first, {bounce("a@example.com"), bounce("b@example.com"), bounce("c@example.com")});
  const Claim second = recent_claim();
  const Merged merged = merge(second, {bounce("b@example.com", "2024-05-06 07:08:09", "changed"),
                                       bounce("c@example.com"), bounce("d@example.com")});
  EXPECT_EQ(merged.added, 1);
  EXPECT_EQ(merged.changed, 1);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "4");
  EXPECT_EQ(of("a@example.com", "last_seen_at"), first.asked_at);
  // What is known is less than a day old.
  EXPECT_EQ(of("b@example.com", "last_seen_at"), first.asked_at);
  EXPECT_EQ(of("d@example.com", "last_seen_at"), second.asked_at);
  EXPECT_EQ(value("select last_full_at from bounced.customers"), first.asked_at);
  EXPECT_EQ(value("select last_poll_at from bounced.customers"), second.asked_at);
  EXPECT_EQ(value("select string_agg(kind, ' ' order by poll_id) from bounced.polls"), "full recent");
}

// The way that is advised for long lists writes no row of what it knows, but once a day.
TEST_F(Mirror, ARecentPollOfTheSameListRewritesNothing) {
  full({bounce("a@example.com"), bounce("b@example.com")});
  const std::string places = "select string_agg(ctid::text, ' ' order by email) from bounced.mirror";
  const std::string before = value(places);
  for (int i = 0; i < 3; ++i) merge(recent_claim(), {bounce("a@example.com"), bounce("b@example.com")});
  EXPECT_EQ(value(places), before);
  test::execute(url,
                "update bounced.mirror set last_seen_at = last_seen_at - interval '2 days'; "
                "update bounced.customers set last_full_at = last_full_at - interval '2 days'");
  const Claim later = recent_claim();
  merge(later, {bounce("a@example.com")});
  EXPECT_EQ(of("a@example.com", "last_seen_at"), later.asked_at);
  full({bounce("b@example.com")});
  EXPECT_EQ(of("a@example.com", "last_seen_at"), later.asked_at);  // gone: last seen by the recent poll
}

TEST_F(Mirror, TheDomainOfAnAddressIsWhatFollowsItsLastAt) {
  full({bounce("a@Example.COM"), bounce("\"x@y\"@example.com"), bounce("no domain")});
  EXPECT_EQ(value("select count(*) from bounced.current_bounces where domain = 'example.com'"), "2");
  EXPECT_EQ(of("no domain", "domain"), "no domain");
}

// Of what is on no list any more; what is, would come back with the next list.
TEST_F(Mirror, AnAddressIsForgottenWhereItIsOnNoList) {
  full({bounce("a@example.com"), bounce("b@example.com")});
  const auto forget = [&] { return value("select bounced.forget('a@example.com')"); };
  EXPECT_THAT(forget, testing::ThrowsMessage<std::exception>(HasSubstr("is on the list of customer \"c\"")));
  test::execute(url, "insert into bounced.deletion_requests (customer, email) values ('c', 'a@example.com')");
  full({bounce("b@example.com")});
  EXPECT_THAT(forget, testing::ThrowsMessage<std::exception>(HasSubstr("a deletion request for the address is open")));
  test::execute(url, "update bounced.deletion_requests set state = 'cancelled'");
  const std::string edition = value("select edition from bounced.mirror_edition");
  EXPECT_EQ(forget(), "2");
  EXPECT_EQ(value("select count(*) from bounced.bounces where email = 'a@example.com'"), "0");
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests"), "0");
  EXPECT_EQ(value("select edition from bounced.mirror_edition"), edition);
}

TEST_F(Mirror, BouncesThatAreGoneForLongAreRemovedWhereThatIsWanted) {
  full({bounce("a@example.com"), bounce("b@example.com"), bounce("c@example.com")});
  full({bounce("c@example.com"), bounce("b@example.com")});
  full({bounce("c@example.com")});
  test::execute(url, "update bounced.mirror set gone_at = gone_at - interval '3 days' where email = 'a@example.com'");
  EXPECT_TRUE(forget_gone(session, std::chrono::hours(48)));
  EXPECT_FALSE(forget_gone(session, std::chrono::hours(48)));
  EXPECT_EQ(value("select string_agg(email, ' ' order by email) from bounced.bounces"), "b@example.com c@example.com");
}

TEST_F(Mirror, AListWithEntriesThatHaveNoEmailMakesNothingGone) {
  const Claim first = claim();
  merge(first, {bounce("a@example.com"), bounce("b@example.com")});
  const Merged merged =
      merge(claim(), {bounce("b@example.com", "2024-05-06 07:08:09", "changed"), bounce("c@example.com")},
            /*without_email=*/1);
  EXPECT_EQ(merged.added, 1);
  EXPECT_EQ(merged.changed, 1);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "3");
  EXPECT_EQ(value("select last_full_at from bounced.customers"), first.asked_at);
  EXPECT_THAT(value("select last_error from bounced.customers"), HasSubstr("have no email"));
  EXPECT_EQ(value("select failures from bounced.customers"), "0");
}

TEST_F(Mirror, AListThatAlwaysHasSuchEntriesDoesNotRewriteTheRowsAtEveryPoll) {
  merge(claim(), {bounce("a@example.com")}, 1);
  const std::string before = rows();
  merge(claim(), {bounce("a@example.com")}, 1);
  EXPECT_EQ(rows(), before);
  test::execute(url, "update bounced.mirror set last_seen_at = last_seen_at - interval '2 days'");
  const Claim third = claim();
  merge(third, {bounce("a@example.com")}, 1);
  EXPECT_EQ(of("a@example.com", "last_seen_at"), third.asked_at);
}

TEST_F(Mirror, TheShrinkGuardHoldsAListThatLacksMoreThanHalf) {
  const Claim first = claim();
  merge(first, numbered(20));
  List shrunk = numbered(9);
  shrunk.push_back(bounce("new@example.com"));
  const Claim second = claim();
  const Merged held = merge(second, shrunk);
  EXPECT_TRUE(held.held);
  EXPECT_EQ(held.lacking, 11);
  EXPECT_EQ(held.added, 1);
  EXPECT_EQ(held.disappeared, 0);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "21");
  EXPECT_EQ(value("select last_full_at from bounced.customers"), first.asked_at);
  EXPECT_EQ(value("select held_since from bounced.customers"), second.asked_at);
  EXPECT_THAT(value("select last_error from bounced.customers"), HasSubstr("lacks 11"));
  EXPECT_EQ(of("1@example.com", "last_seen_at"), second.asked_at);  // it was in the held list
  EXPECT_EQ(of("19@example.com", "last_seen_at"), first.asked_at);  // it was not
  // Another full list is wanted soon.
  EXPECT_EQ(value("select next_poll_at < clock_timestamp() + interval '5 min' and full_asked_at is not null "
                  "from bounced.customers"),
            "t");

  const Merged believed = full(shrunk);
  EXPECT_FALSE(believed.held);
  EXPECT_EQ(believed.disappeared, 11);
  EXPECT_EQ(value("select held_since is null and last_error is null and full_asked_at is null from bounced.customers"),
            "t");
  EXPECT_EQ(of("19@example.com", "last_seen_at"), first.asked_at);
}

TEST_F(Mirror, AHeldListThatWasAFaultIsForgotten) {
  full(numbered(30));
  EXPECT_TRUE(full({}).held);
  EXPECT_FALSE(recent({}).changed_something());  // a recent list says nothing of the rest
  EXPECT_NE(value("select held_since from bounced.customers"), "null");
  EXPECT_FALSE(full(numbered(30)).changed_something());
  EXPECT_EQ(value("select held_since from bounced.customers"), "null");
  EXPECT_TRUE(full({}).held);  // the next time it is held again
}

TEST_F(Mirror, TheShrinkGuardLetsHalfGoAndSmallLists) {
  full(numbered(20));
  EXPECT_EQ(full(numbered(10)).disappeared, 10);  // exactly half
  EXPECT_EQ(full(numbered(9)).disappeared, 1);
  full(numbered(19));
  EXPECT_EQ(full({}).disappeared, 19);  // fewer than 20 rows
}

TEST_F(Mirror, NothingIsMergedUnderAClaimThatWasLost) {
  full({bounce("a@example.com")});
  const Claim lost = claim();
  const std::int64_t other = start_daemon(session, {.host = "there", .pid = 2, .version = "1"});
  test::execute(
      url, fmt::format("update bounced.daemons set heartbeat = now() - interval '21 s' where daemon_id = {}", daemon));
  const auto taken = claim_named(session, other, {"c"}, {});
  ASSERT_EQ(taken.size(), 1U);
  const std::string before = rows();
  EXPECT_EQ(std::get<NotMerged>(merge_short(session, lost, {.entries = 0}, {})), NotMerged::claim_lost);
  EXPECT_EQ(rows(), before);
  EXPECT_EQ(fail_poll(session, lost, "x", std::chrono::seconds(1)), std::nullopt);
  release(session, lost);
  EXPECT_EQ(value("select claimed_by from bounced.customers"), std::to_string(other));
  // The one that has it goes on.
  EXPECT_TRUE(std::holds_alternative<Merged>(merge_short(session, taken[0], {.entries = 0}, {})));
  EXPECT_EQ(std::get<NotMerged>(merge_short(session, taken[0], {.entries = 0}, {})), NotMerged::claim_lost);
}

TEST_F(Mirror, ALongListIsStagedInPieces) {
  const List list = numbered(3000);
  const Claim claimed = claim();
  begin_staging(session);
  for (std::size_t i = 0; i < list.size(); i += 1000) {
    stage(session, claimed, {List(list.begin() + static_cast<long>(i), list.begin() + static_cast<long>(i) + 1000)});
  }
  const auto merged = std::get<Merged>(merge_staged(session, claimed, {.entries = list.size()}));
  EXPECT_EQ(merged.added, 3000);
  EXPECT_FALSE(full(list).changed_something());
}

TEST_F(Mirror, WhatAnAbandonedPollStagedIsNotMerged) {
  begin_staging(session);
  stage(session, claim(), {numbered(5)});
  EXPECT_EQ(full({bounce("a@example.com")}).added, 1);
  begin_staging(session);
  stage(session, claim(), {numbered(5)});
  begin_staging(session);
  const Claim claimed = claim();
  stage(session, claimed, {{bounce("a@example.com")}});
  EXPECT_FALSE(std::get<Merged>(merge_staged(session, claimed, {.entries = 1})).changed_something());
}

TEST_F(Mirror, ACustomerWithBouncesCannotBeDeleted) {
  full({bounce("a@example.com")});
  EXPECT_THROW(test::execute(url, "delete from bounced.customers"), std::exception);
  test::execute(url, "delete from bounced.mirror; delete from bounced.polls; delete from bounced.customers");
}

TEST_F(Mirror, RowsThatAreNotStagedAsManyAsWereReadAreNotMerged) {
  full(numbered(5));
  const std::string before = rows();
  const Claim claimed = claim();
  begin_staging(session);
  stage(session, claimed, {numbered(4)});
  EXPECT_THROW(merge_staged(session, claimed, {.entries = 5}), Unavailable);
  EXPECT_EQ(rows(), before);
}

TEST_F(Mirror, AChangedTimeZoneShiftsTheRowsAndMakesNothingNewOrGone) {
  // A row's shifted time is another row's time before: one by one they could not be moved.
  const List list = {bounce("a@example.com", "2024-05-06 07:00:00"), bounce("a@example.com", "2024-05-06 14:00:00"),
                     bounce("none@example.com", "")};
  full(list);
  full({list[0], list[2]});  // one row is history
  const std::string ids = value("select string_agg(bounce_id::text, ' ' order by bounce_id) from bounced.mirror");
  const Claim in_flight = claim();

  register_customer("UTC");

  EXPECT_EQ(value("select string_agg(bounce_id::text, ' ' order by bounce_id) from bounced.mirror"), ids);
  EXPECT_EQ(value("select string_agg((bounced_at at time zone 'UTC')::text, ' ' order by bounced_at) "
                  "from bounced.bounces where email = 'a@example.com'"),
            "2024-05-06 07:00:00 2024-05-06 14:00:00");
  // A list that was read in the old zone is not merged any more.
  EXPECT_EQ(std::get<NotMerged>(merge_short(session, in_flight, {.entries = 2}, {{list[0], list[2]}})),
            NotMerged::zone_changed);
  EXPECT_FALSE(full({list[0], list[2]}).changed_something());
}

TEST_F(Mirror, ACustomerThatComesBackIntoTheConfigurationInAnotherZoneIsShiftedToo) {
  full({bounce("a@example.com")});
  register_configuration(session, daemon, {}, Existing::change);
  EXPECT_EQ(value("select active from bounced.customers"), "f");
  start_daemon(session, {.host = "there", .pid = 2, .version = "1"});
  register_customer("UTC", 3, Existing::keep_if_relied_on);
  EXPECT_FALSE(full({bounce("a@example.com")}).changed_something());
}

TEST_F(Mirror, RowsThatMeetInTheNewZoneBecomeOne) {
  // 02:30 does not exist in Los Angeles on that day: it is read as 03:30.
  register_customer("UTC");
  const Claim first = claim();
  merge(first, {bounce("a@example.com", "2024-03-10 02:30:00")});
  full({bounce("a@example.com", "2024-03-10 02:30:00"), bounce("a@example.com", "2024-03-10 03:30:00")});
  register_customer("America/Los_Angeles");
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "1");
  EXPECT_EQ(value("select current_bounces from bounced.customers"), "1");
  EXPECT_EQ(of("a@example.com", "first_seen_at"), first.asked_at);
  EXPECT_FALSE(full({bounce("a@example.com", "2024-03-10 02:30:00"), bounce("a@example.com", "2024-03-10 03:30:00")})
                   .changed_something());
}

TEST_F(Mirror, LookingUpAnAddressNeverScans) {
  full(numbered(3000));
  test::execute(url, "analyze bounced.mirror");
  const auto plan = [&](const std::string& condition) {
    std::string text;
    for (const auto& row : test::query(url, "explain select * from bounced.bounces where " + condition)) {
      text += row.at(0).value_or("") + "\n";
    }
    return text;
  };
  for (const std::string condition : {"email = '7@example.com'", "customer = 'c' and email = '7@example.com'"}) {
    EXPECT_THAT(plan(condition), testing::Not(HasSubstr("Seq Scan on mirror"))) << condition;
    EXPECT_THAT(plan(condition), HasSubstr("mirror_email")) << condition;
  }
}

}  // namespace
}  // namespace bounced::db
