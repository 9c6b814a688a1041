// SPDX-License-Identifier: Apache-2.0
// Classes, numbers and counts of the mirror's bounces.
#include "db/classification.h"

#include <gmock/gmock.h>
#include <pqxx/pqxx>

#include "db/requests.h"
#include "tests/integration/mirror_fixture.h"

namespace bounced::db {
namespace {

using classify::Classifier;

class Classification : public Mirror {
 protected:
  std::string classes() {
    return value("select string_agg(email || ' ' || class, ', ' order by email) from bounced.bounces");
  }
  // Classifies step by step until there is no more to do; gives the number of steps.
  int classify_all(const Classifier& classifier) {
    int steps = 1;
    while (classify_next(session, classifier)) ++steps;
    return steps;
  }
  void adopt(const Classifier& classifier) {
    session.in_transaction([&](pqxx::work& tx) { adopt_class_rules(tx, classifier); });
  }
  static ListedBounce unknown_user(const std::string& email) {
    return bounce(email, "2024-05-06 07:08:09", "550 5.1.1 user unknown", "5.1.1");
  }
  static ListedBounce full_mailbox(const std::string& email) {
    return bounce(email, "2024-05-06 07:08:09", "552 5.2.2 mailbox full", "5.2.2");
  }
};

// Takes every mention of a full mailbox for content.
std::shared_ptr<const Classifier> own_rules() {
  return std::make_shared<const Classifier>(
      "rules:\n  - name: full\n    class: Content\n    because: for a test\n    phrases:\n      - mailbox full\n",
      "own.yaml");
}

TEST_F(Classification, EveryBounceHasAClassWhenItComesInAndWhenItChanges) {
  full({unknown_user("a@x.org"), full_mailbox("b@x.org")});
  EXPECT_EQ(classes(), "a@x.org Invalid Address, b@x.org Mailbox Unavailable");
  EXPECT_EQ(value("select string_agg(distinct class_rules::text, ' ') from bounced.mirror"), "1");
  full({full_mailbox("a@x.org"), full_mailbox("b@x.org"), unknown_user("c@x.org")});
  EXPECT_EQ(classes(), "a@x.org Mailbox Unavailable, b@x.org Mailbox Unavailable, c@x.org Invalid Address");
}

TEST_F(Classification, OtherRulesClassifyWhatIsThereInStepsThatSurviveAKill) {
  List list = numbered(4500);
  list.push_back(full_mailbox("full@x.org"));
  full(list);
  const auto own = own_rules();
  adopt(*own);
  EXPECT_TRUE(classify_next(session, *own));
  // A daemon with other rules does nothing: later ones count. So does the one that was killed, and goes on.
  EXPECT_FALSE(classify_next(session, *classify::built_in()));
  EXPECT_EQ(classify_all(*own), 3);
  EXPECT_EQ(value("select b.class || m.class_rules from bounced.bounces b join bounced.mirror m using (bounce_id) "
                  "where b.email = 'full@x.org'"),
            "Content2");
  // What has the same class as before is not written anew.
  EXPECT_EQ(value("select count(*) from bounced.mirror where class_rules = 2"), "1");
  EXPECT_EQ(value("select finished_at is not null from bounced.classification"), "t");
  // Back to the rules of before: they are the last ones again.
  adopt(*classify::built_in());
  classify_all(*classify::built_in());
  EXPECT_EQ(of("full@x.org", "class"), "Mailbox Unavailable");
}

TEST_F(Classification, RowsOfAnOlderSchemaAreClassified) {
  full({unknown_user("a@x.org")});
  test::execute(url,
                "update bounced.mirror set class = null, reason_key = null, class_rules = null;"
                "update bounced.classification set customer_id = 0, bounce_id = 0, finished_at = null");
  classify_all(*classify::built_in());
  EXPECT_EQ(classes(), "a@x.org Invalid Address");
  EXPECT_EQ(value("select reason from bounced.top_reasons where bounced > 0"), "550 5.1.1 user unknown");
}

TEST_F(Classification, ItWaitsForNobodyAndLeavesNothingOut) {
  full({unknown_user("a@x.org"), full_mailbox("b@x.org"), full_mailbox("c@x.org")});
  const auto own = own_rules();
  adopt(*own);
  {
    pqxx::connection other(url);
    pqxx::work held(other);
    held.exec("select 1 from bounced.mirror where email = 'b@x.org' for update");
    EXPECT_FALSE(classify_next(session, *own));
    EXPECT_EQ(of("c@x.org", "class"), "Content");
    EXPECT_EQ(of("b@x.org", "class"), "Mailbox Unavailable");
  }
  classify_all(*own);
  EXPECT_EQ(of("b@x.org", "class"), "Content");
}

TEST_F(Classification, ABounceKnowsWhichOfItsAddressItIsAndWhatBecameOfTheOneBefore) {
  full({bounce("a@x.org", "2024-05-06 00:00:01"), bounce("a@x.org", "2024-05-06 00:00:02"), bounce("b@x.org")});
  EXPECT_EQ(value("select string_agg(nth::text, ' ' order by nth) from bounced.mirror "
                  "where email = 'a@x.org'"),
            "1 2");
  full({bounce("a@x.org", "2024-05-07 00:00:01")});
  full({});
  full({bounce("a@x.org", "2024-05-08 00:00:01"), bounce("a@x.org", "2024-05-08 00:00:02"),
        bounce("b@x.org", "2024-05-09 00:00:01")});
  EXPECT_EQ(value("select string_agg(email || nth, ' ' order by email, nth) from bounced.current_bounces"),
            "a@x.org4 a@x.org5 b@x.org2");
  EXPECT_EQ(value("select string_agg(email || times, ' ' order by email, times) from bounced.repeat_bounces"),
            "a@x.org4 a@x.org5 b@x.org2");
}

TEST_F(Classification, CountsFollowEditsByHandAndTheirUndoing) {
  full({unknown_user("a@x.org"), full_mailbox("b@x.org")});
  test::execute(url,
                "update bounced.mirror set email = 'a@Y.org', bounced_at = bounced_at - interval '3 days' where "
                "email = 'a@x.org'; insert into bounced.mirror (customer_id, email, status, reason, first_seen_at, "
                "last_seen_at) select customer_id, 'hand@z.org', '', '', now(), now() from bounced.customers; "
                "delete from bounced.mirror where email = 'b@x.org'");
  EXPECT_EQ(
      value(
          "select string_agg(domain || bounced, ' ' order by domain) from bounced.bounces_by_domain where bounced > 0"),
      "y.org1 z.org1");
  EXPECT_EQ(test::differences_of_counts(url), "");
  test::execute(url, "truncate bounced.mirror");
  EXPECT_EQ(value("select count(*) from bounced.bounces_by_day"), "0");
}

TEST_F(Classification, RecountMendsWhatCameInWithoutTriggers) {
  full({unknown_user("a@x.org")});
  test::execute(url,
                "set session_replication_role = replica; insert into bounced.mirror (customer_id, email, status, "
                "reason, first_seen_at, last_seen_at) select customer_id, 'copied@z.org', '', '', now(), now() "
                "from bounced.customers");
  EXPECT_NE(test::differences_of_counts(url), "");
  test::execute(url, "select bounced.recount()");
  EXPECT_EQ(test::differences_of_counts(url), "");
}

TEST_F(Classification, ForgettingAnAddressForgetsItInSamplesToo) {
  full({bounce("gone@x.org", "2024-05-06 07:08:09", "550 <gone@x.org>: unknown"), bounce("b@x.org")});
  full({bounce("b@x.org")});
  test::execute(url, "select bounced.forget('gone@x.org')");
  EXPECT_EQ(value("select count(*) from bounced.reasons where sample like '%gone@x.org%'"), "0");
}

}  // namespace
}  // namespace bounced::db
