// SPDX-License-Identifier: Apache-2.0
// Long lists that wait in a file, and of which only what differs from the current bounces is staged.
#include "db/staging.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <string>

#include "tests/integration/mirror_fixture.h"

namespace bounced::db {
namespace {

Merged merge_from_file(Session& session, const Claim& claim, const ListFacts& facts, const List& list) {
  ListSpool spool;
  spool.write(list);
  const auto outcome = merge_spooled(session, claim, facts, spool);
  EXPECT_TRUE(std::holds_alternative<Merged>(outcome));
  return std::get<Merged>(outcome);
}

class SpooledList : public Mirror {
 protected:
  Merged spooled(const List& list) { return merge_from_file(session, claim(), facts(list), list); }

  // What a merge of the list would stage. It is not merged.
  Staged staged(const List& list) {
    ListSpool spool;
    spool.write(list);
    const Claim claimed = claim();
    return session.in_transaction([&](pqxx::work& tx) {
      prepare_staging(tx);
      return stage_difference(tx, claimed, *classify::built_in(), spool);
    });
  }
};

TEST_F(SpooledList, OnlyWhatDiffersIsStagedAndMerged) {
  List list = numbered(1000);
  EXPECT_EQ(spooled(list).added, 1000);
  const std::string before = rows();
  const List turned(list.rbegin(), list.rend());
  EXPECT_EQ(staged(turned).entries, 0U);
  EXPECT_FALSE(spooled(turned).changed_something());
  EXPECT_EQ(rows(), before);

  list[3].reason = "mailbox full";
  list[7] = bounce("new@example.com");
  list[9] = bounce("9@example.com", "2024-06-01 00:00:00");
  EXPECT_TRUE(staged(list).only_parts);
  EXPECT_THAT(staged(list).entries, testing::AllOf(testing::Ge(3U), testing::Le(10U)));
  const Merged merged = spooled(list);
  EXPECT_EQ(merged.added, 2);
  EXPECT_EQ(merged.changed, 1);
  EXPECT_EQ(merged.disappeared, 1);
  EXPECT_EQ(merged.superseded, 1);
  EXPECT_EQ(of("7@example.com", "gone_because"), "disappeared");
  EXPECT_EQ(of("3@example.com", "reason"), "mailbox full");
  EXPECT_EQ(value("select current_bounces from bounced.customers"), "1000");
  EXPECT_TRUE(finish_if_same(session, claim(), facts(list)));  // what it is now is remembered
}

TEST_F(SpooledList, TextsOfEveryKindAreReadBackAsTheyAre) {
  List list = numbered(100);
  list.push_back(bounce("a\\b@example.com", "", "tab\tline\nreturn\rback\\slash \\N \\. end\\"));
  list.push_back(bounce("\\N", "2024-05-06 07:08:09", "\b\f\v", "\\N"));
  list.push_back(bounce("\xc3\xbc@example.com", "0001-01-01 00:00:00", "", ""));
  list.push_back(bounce("late@example.com", "9999-12-31 23:59:59"));
  spooled(list);
  EXPECT_EQ(staged(list).entries, 0U);
}

// Two instants have this local time; lists mean the later one, as PostgreSQL does.
TEST_F(SpooledList, AnotherInstantOfTheSameLocalTimeIsAnotherBounce) {
  List list = numbered(100);
  list.push_back(bounce("a@example.com", "2024-11-03 01:30:00"));
  spooled(list);
  EXPECT_EQ(staged(list).entries, 0U);
  test::execute(url,
                "update bounced.mirror set bounced_at = bounced_at - interval '1 h' where email = 'a@example.com'");
  const Merged merged = spooled(list);
  EXPECT_EQ(merged.added, 1);
  EXPECT_EQ(merged.superseded, 1);
}

// A merge of parts could not tell the shrink guard, nor note what a list that is held has.
TEST_F(SpooledList, IsStagedWholeWhereHalfOfWhatIsCurrentIsInQuestion) {
  const List list = numbered(100);
  spooled(list);
  const List rest(list.begin(), list.begin() + 40);
  EXPECT_FALSE(staged(rest).only_parts);
  EXPECT_EQ(staged(rest).entries, 40U);
  const Claim held = claim();
  EXPECT_TRUE(merge_from_file(session, held, facts(rest), rest).held);
  EXPECT_EQ(value(fmt::format("select count(*) from bounced.current_bounces where last_seen_at = '{}'", held.asked_at)),
            "40");
}

TEST_F(SpooledList, WithUnreadableEntriesMakesNothingGone) {
  const List list = numbered(100);
  spooled(list);
  const List some(list.begin(), list.begin() + 90);
  const Merged merged = merge_from_file(session, claim(), facts(some, 1), some);
  EXPECT_EQ(merged.disappeared, 0);
  EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "100");
}

TEST_F(SpooledList, IsNotMergedUnderAClaimThatWasLost) {
  spooled(numbered(100));
  const Claim lost = claim();
  test::execute(url, "update bounced.customers set claim = claim + 1");
  const std::string before = rows();
  ListSpool spool;
  spool.write(numbered(90));
  EXPECT_EQ(std::get<NotMerged>(merge_spooled(session, lost, facts(numbered(90)), spool)), NotMerged::claim_lost);
  EXPECT_EQ(rows(), before);
}

// Whatever happens to a list, and to the mirror beside it: what is merged in parts is what is merged whole. Two
// databases go through the same, one by each way.
class EitherWay : public Mirror, public testing::WithParamInterface<unsigned> {
 protected:
  static constexpr const char* rows_of_all_kinds =
      "select coalesce(string_agg(concat_ws(' | ', email, bounced_at, status, reason, first_seen_at, last_seen_at, "
      "gone_at, gone_because), e'\\n' order by email, bounced_at, first_seen_at, gone_at, reason), '') || "
      "(select concat_ws(' | ', e'\\n', current_bounces, last_full_at, held_since, last_error, list_print, list_size) "
      "from bounced.customers) from bounced.mirror";

  int below(int end) { return std::uniform_int_distribution(0, end - 1)(random); }

  ListedBounce any_bounce() {
    static const std::vector<std::string> times = {"", "2024-05-06 07:08:09", "2024-05-06 07:08:10",
                                                   "2024-11-03 01:30:00",   // twice that day
                                                   "2024-03-10 02:30:00"};  // never
    return bounce(fmt::format("{}@example.com", below(400)), times[static_cast<std::size_t>(below(5))],
                  fmt::format("reason {}", below(3)));
  }

  // A poll finds some of the list changed, now and then most of it.
  void change(List& list) {
    const auto some = [&] { return below(8) == 0 ? 150 : 8; };
    for (int i = below(some()); i > 0; --i) list.push_back(any_bounce());
    for (int i = below(some()); i > 0 && !list.empty(); --i)
      list.erase(list.begin() + below(static_cast<int>(list.size())));
    for (int i = below(4); i > 0 && !list.empty(); --i)
      list[static_cast<std::size_t>(below(static_cast<int>(list.size())))].reason = "another reason";
    if (below(4) == 0 && !list.empty())
      list.push_back(list[static_cast<std::size_t>(below(static_cast<int>(list.size())))]);  // twice
    std::shuffle(list.begin(), list.end(), random);
  }

  std::mt19937 random{GetParam()};
  std::string other_url = test::Cluster::shared().create_database();
  Session other{{.url = other_url, .application = "test"}};
};

TEST_P(EitherWay, TheMirrorIsTheSame) {
  const std::int64_t other_daemon = start_daemon(other, {.host = "here", .pid = 1, .version = "1"});
  register_configuration(other, other_daemon,
                         {{{"main", "v2"}},
                          {{.name = "c",
                            .account = "main",
                            .time_zone = "America/Los_Angeles",
                            .every = std::chrono::hours(1),
                            .full_every = std::chrono::hours(24),
                            .recent_days = 3}}},
                         Existing::change);
  const auto at_both = [&](const std::string& sql) {
    for (Session* each : {&session, &other}) {
      each->in_transaction([&](pqxx::work& tx) { exec(tx, sql); });
    }
  };
  List list;
  for (int i = 0; i < 200; ++i) list.push_back(any_bounce());
  int in_parts = 0;
  for (int step = 0; step < 25; ++step) {
    SCOPED_TRACE(fmt::format("seed {}, step {}", GetParam(), step));
    const Claim whole = claim();
    Claim parts = claim_named(other, other_daemon, {"c"}, {}).at(0);
    parts.asked_at = whole.asked_at;
    if (below(4) == 0) {
      const std::string email = fmt::format("{}@example.com", below(400));
      // A request for this address ended before the list was asked for, or after.
      const std::string end =
          fmt::format("timestamptz '{}' + interval '{} s'", whole.asked_at, below(2) == 0 ? -60 : 60);
      at_both(fmt::format(
          "insert into bounced.deletion_requests (customer, email) values ('c', '{0}'); "
          "with queued as (delete from bounced.deletion_queue returning *) insert into bounced.deletion_history "
          "(request_id, customer, email, customer_id, requested_at, requested_by, state, outcome, attempts, "
          "interruptions, next_attempt_at, finished_at) select request_id, customer, email, customer_id, requested_at, "
          "requested_by, 'done', 'deleted', 0, 0, next_attempt_at, {1} from queued; "
          "update bounced.mirror set gone_at = {1}, gone_because = 'deleted' where email = '{0}' and gone_at is null",
          email, end));
    }
    const std::uint64_t unreadable = below(8) == 0 ? 1 : 0;
    const ListFacts known = facts(list, unreadable);
    {
      ListSpool spool;
      spool.write(list);
      in_parts += other.in_transaction([&](pqxx::work& tx) {
        prepare_staging(tx);
        const bool only_parts = stage_difference(tx, parts, *classify::built_in(), spool).only_parts;
        exec(tx, "truncate pg_temp.staged_short, pg_temp.staged_known");
        return only_parts ? 1 : 0;
      });
    }
    const auto one = merge_short(session, whole, known, {list});
    const Merged two = merge_from_file(other, parts, known, list);
    ASSERT_TRUE(std::holds_alternative<Merged>(one));
    const Merged& expected = std::get<Merged>(one);
    EXPECT_EQ(expected.added, two.added);
    EXPECT_EQ(expected.changed, two.changed);
    EXPECT_EQ(expected.superseded, two.superseded);
    EXPECT_EQ(expected.disappeared, two.disappeared);
    EXPECT_EQ(expected.held, two.held);
    EXPECT_EQ(expected.remark, two.remark);
    ASSERT_EQ(query_value(url, rows_of_all_kinds), query_value(other_url, rows_of_all_kinds));
    change(list);
    if (below(5) == 0) {  // somebody's hand
      const std::string row = fmt::format("email = '{}@example.com'", below(400));
      const std::string edit = below(2) == 0
                                   ? "update bounced.mirror set bounced_at = bounced_at - interval '1 h' where "
                                   : "delete from bounced.mirror where ";
      for (const std::string& database : {url, other_url}) test::execute(database, edit + row);
    }
  }
  EXPECT_GT(in_parts, 5);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EitherWay, testing::Range(1U, 9U));

}  // namespace
}  // namespace bounced::db
