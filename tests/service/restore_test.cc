// SPDX-License-Identifier: Apache-2.0
// A database that comes from a backup: what is finished stays finished, what is open is carried out once.
#include "tests/service/service.h"

namespace bounced::test {
namespace {

class Restore : public Service {
 protected:
  // Requests of every kind, and the lists that belong to them.
  void work() {
    for (const char* email : {"done@x.org", "refused@x.org", "kept@x.org"}) api.add("a@example.com", {.email = email});
    configure();
    ASSERT_THAT(run({"sync"}), ended_with(0));
    api.set_hook([](const simulator::Call& call) -> std::optional<simulator::Answer> {
      if (call.parameter("email") != "refused@x.org") return std::nullopt;
      return simulator::Answer{.status = 400, .body = R"({"error":"this address is strange"})"};
    });
    execute(
        url(),
        "insert into bounced.deletion_requests (customer, email) select 'a@example.com', unnest(array['done@x.org', "
        "'refused@x.org', 'unlisted@x.org'])");
    ASSERT_THAT(run({"sync"}), ended_with(1));  // it tells of the one that failed
    execute(url(), "insert into bounced.deletion_requests (customer, email) values ('a@example.com', 'kept@x.org')");
    execute(url(), "update bounced.deletion_requests set state = 'cancelled' where state = 'pending'");
    ASSERT_EQ(states(url()), "cancelled done done failed");
  }

  static std::string states(const std::string& at) {
    return query_value(at, "select string_agg(state, ' ' order by state) from bounced.deletion_requests");
  }

  // Runs a shell command; $OLD and $NEW are the databases.
  static void shell(const std::string& command, const std::string& from, const std::string& to) {
    Process process({"/bin/sh", "-ec", command},
                    {.environment = {{"OLD", from}, {"NEW", to}}, .user = {}, .folder = "/"});
    ASSERT_EQ(process.wait(), 0) << process.stderr_text();
  }

  // A daemon on the other database finds the mirror as it was, and nothing to delete.
  void expect_that_nothing_is_sent(const std::string& at) {
    const std::string before = states(at);
    const std::string text = config_text();
    dir.write("bounced.yaml", std::string(text).replace(text.find(daemon_url()), daemon_url().size(), as_bounced(at)));
    const std::size_t deletions = deletion_calls();
    EXPECT_THAT(run({"sync"}), ended_with(0));
    EXPECT_EQ(deletion_calls(), deletions);
    EXPECT_EQ(states(at), before);
    EXPECT_EQ(query_value(at, "select count(*) from bounced.current_bounces"), current_bounces());
    // The next request has a number of its own.
    api.add("a@example.com", {.email = "next@x.org"});
    execute(at, "insert into bounced.deletion_requests (customer, email) values ('a@example.com', 'next@x.org')");
    EXPECT_THAT(run({"sync"}), ended_with(0));
    EXPECT_EQ(deletion_calls(), deletions + 1);
    EXPECT_EQ(states(at), "cancelled done done done failed");
    expect_right_counts(at);
  }

  std::size_t deletion_calls() {
    return static_cast<std::size_t>(
        std::ranges::count_if(api.calls(), [](const auto& call) { return call.task() == "delete"; }));
  }
};

TEST_F(Restore, AWholeDumpQueuesNothingAgain) {
  work();
  const std::string restored = Cluster::shared().create_database(Cluster::Schema::none);
  shell("pg_dump \"$OLD\" | psql -q -v ON_ERROR_STOP=1 \"$NEW\"", url(), restored);
  expect_that_nothing_is_sent(restored);
}

TEST_F(Restore, DataAloneIntoAFreshSchemaQueuesNothingAgain) {
  work();
  const std::string restored = Cluster::shared().create_database(Cluster::Schema::migrated);
  shell(
      "pg_dump --data-only --exclude-table=bounced.schema_migrations --exclude-table=bounced.server "
      "--exclude-table=bounced.mirror_edition --exclude-table=bounced.daemons --exclude-table=bounced.classification "
      "--exclude-table=bounced.providers --exclude-table=bounced.count_changes --exclude-table='bounced.*_counts' "
      "\"$OLD\" | "
      "psql -q -v ON_ERROR_STOP=1 \"$NEW\"",
      url(), restored);
  expect_that_nothing_is_sent(restored);
}

}  // namespace
}  // namespace bounced::test
