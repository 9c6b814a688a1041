// SPDX-License-Identifier: Apache-2.0
// Full lists that are the same as before, which are over without a merge, and what voids that.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/mirror_fixture.h"

namespace bounced::db {
namespace {

class SameList : public Mirror {
 protected:
  // Whether a poll with this list is over without a merge.
  bool is_passed_over(const List& asked) {
    const auto outcome = finish_if_same(session, claim(), facts(asked));
    return outcome && !std::get<Merged>(*outcome).changed_something();
  }
  const List list = numbered(30);
};

TEST_F(SameList, NeedsNoMergeInAnyOrder) {
  full(list);
  List turned(list.rbegin(), list.rend());
  test::execute(url, "update bounced.customers set last_full_at = '2020-01-01', list_asked_at = '2020-01-01'");
  EXPECT_TRUE(is_passed_over(turned));
  // It is a poll that went well, like any other.
  EXPECT_EQ(value("select claimed_by is null and last_full_at > now() - interval '1 min' and next_poll_at > now() "
                  "from bounced.customers"),
            "t");
  EXPECT_TRUE(is_passed_over(list));
}

TEST_F(SameList, OneEntryMoreOrLessOrOtherwiseIsAnotherList) {
  full(list);
  List other = list;
  other.push_back(list[0]);
  EXPECT_FALSE(is_passed_over(other));
  EXPECT_FALSE(is_passed_over(List(list.begin(), list.end() - 1)));
  other = list;
  other[3].reason = "mailbox full";
  EXPECT_FALSE(is_passed_over(other));
  other = list;
  std::swap(other[3].status, other[3].reason);
  EXPECT_FALSE(is_passed_over(other));
  other = list;
  other[3].created = Instant{};
  EXPECT_FALSE(is_passed_over(other));
  EXPECT_TRUE(is_passed_over(list));
}

TEST_F(SameList, IsMergedAfterHandEditsAndRestores) {
  const auto after = [&](const std::string& edit) {
    full(list);
    EXPECT_TRUE(is_passed_over(list));
    test::execute(url, edit);
    EXPECT_FALSE(is_passed_over(list)) << edit;
    full(list);
    EXPECT_EQ(value("select count(*) from bounced.current_bounces"), "30") << edit;
  };
  after("update bounced.mirror set gone_at = now(), gone_because = 'deleted' where email = '7@example.com'");
  after("delete from bounced.mirror where email = '7@example.com'");
  after(
      "create table kept as select * from bounced.mirror; truncate bounced.mirror; "
      "insert into bounced.mirror select * from kept where email <> '7@example.com'");
}

TEST_F(SameList, IsPassedOverAfterAStatementThatChangedNothing) {
  full(list);
  test::execute(url,
                "delete from bounced.mirror where email = 'nobody@example.com'; "
                "update bounced.mirror set status = '' where false");
  EXPECT_TRUE(is_passed_over(list));
}

TEST_F(SameList, AnEditThatIsNotCommittedYetCountsWhenItIs) {
  full(list);
  Session editor({.url = url, .application = "test"});
  editor.in_transaction([&](pqxx::work& tx) {
    exec(tx, "set local bounced.daemon = 'off'; delete from bounced.mirror where email = '7@example.com'");
    full(list);
    EXPECT_TRUE(is_passed_over(list));
  });
  EXPECT_FALSE(is_passed_over(list));
}

TEST_F(SameList, IsMergedWhereARecentPollChangedSomething) {
  full(list);
  EXPECT_FALSE(recent({list[3]}).changed_something());
  EXPECT_TRUE(is_passed_over(list));
  List other = list;
  other[3].reason = "mailbox full";
  EXPECT_EQ(recent({other[3]}).changed, 1);
  EXPECT_FALSE(is_passed_over(list));
  EXPECT_EQ(full(list).changed, 1);
  EXPECT_EQ(of("3@example.com", "reason"), "no such user");
}

TEST_F(SameList, IsMergedWhereTheShrinkGuardHeldSomething) {
  full(list);
  EXPECT_TRUE(full({list[0]}).held);
  EXPECT_FALSE(is_passed_over({list[0]}));
  EXPECT_EQ(full({list[0]}).disappeared, 29);
  EXPECT_TRUE(is_passed_over({list[0]}));
}

TEST_F(SameList, IsMergedInAnotherTimeZoneAndAfterTwelveHours) {
  full(list);
  register_customer("UTC");
  EXPECT_FALSE(is_passed_over(list));
  full(list);
  test::execute(url, "update bounced.customers set list_merged_at = list_merged_at - interval '12 hours'");
  EXPECT_FALSE(is_passed_over(list));
}

TEST_F(SameList, IsMergedWhereAnOlderProgramPolledMeanwhile) {
  full(list);
  test::execute(url, "update bounced.customers set last_full_at = last_full_at + interval '1 s'");
  EXPECT_FALSE(is_passed_over(list));
}

TEST_F(SameList, WithUnreadableEntriesIsNeverTheSame) {
  full(list);
  const ListFacts incomplete = facts(list, 1);
  EXPECT_FALSE(finish_if_same(session, claim(), incomplete));
}

}  // namespace
}  // namespace bounced::db
