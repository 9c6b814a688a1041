// SPDX-License-Identifier: Apache-2.0
// What the README shows runs.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::AllOf;

std::string readme() {
  std::ostringstream text;
  text << std::ifstream(BOUNCED_README).rdbuf();
  return text.str();
}

// The README and the pages that it names.
std::string documents() {
  std::ostringstream text;
  text << readme();
  for (const auto& page :
       std::filesystem::directory_iterator(std::filesystem::path(BOUNCED_README).parent_path() / "docs")) {
    if (page.path().extension() == ".md") text << std::ifstream(page.path()).rdbuf();
  }
  return text.str();
}

std::vector<std::string> blocks_of(const std::string& language, const std::string& document = documents()) {
  std::vector<std::string> blocks;
  const std::string fence = "```";
  std::size_t at = 0;
  while ((at = document.find(fence + language + "\n", at)) != std::string::npos) {
    const std::size_t begin = document.find('\n', at) + 1;
    const std::size_t end = document.find(fence, begin);
    blocks.push_back(document.substr(begin, end - begin));
    at = end + fence.size();
  }
  return blocks;
}

class Readme : public Service {
 protected:
  Readme() {
    api.add_customer("customer@example.com");
    api.add("customer@example.com", {.email = "someone@example.com"});
    configure({.customers = "[customer@example.com]"});
    EXPECT_THAT(run({"sync"}), ended_with(0));
  }
  void TearDown() override {
    Service::TearDown();
    for (const char* role : {"bounced_reader", "bounced_queuer", "bounced_daemon"}) {
      if (value(fmt::format("select count(*) from pg_roles where rolname = '{}'", role)) == "0") continue;
      execute(url(), fmt::format("drop owned by {0}; drop role {0}", role));
    }
  }

  // Makes the role as the README shows, and gives the URL by which it logs in.
  std::string role(const std::string& name) const {
    for (const std::string& block : blocks_of("sql")) {
      if (block.find("create role " + name) == block.npos) continue;
      execute(url(), block);
      execute(url(), "alter role " + name + " login");
      std::string as = url();
      return as.replace(as.find("user=postgres"), 13, "user=" + name);
    }
    throw std::runtime_error("the README does not make " + name);
  }
  static std::string refusal(const std::string& as, const std::string& sql) {
    try {
      execute(as, sql);
      return {};
    } catch (const std::exception& error) {
      return error.what();
    }
  }
};

TEST_F(Readme, EveryStatementRuns) {
  const auto statements = blocks_of("sql");
  EXPECT_GE(statements.size(), 8U);
  for (const std::string& statement : statements) EXPECT_NO_THROW(query(url(), statement)) << statement;
}

TEST_F(Readme, TheReaderReadsEverythingAndChangesNothing) {
  const std::string reader = role("bounced_reader");
  execute(url(), "insert into bounced.deletion_requests (customer, email) values ('customer@example.com', 'x@y')");
  for (const char* relation : {"bounces", "current_bounces", "customers", "mirror", "polls", "daemons", "accounts"}) {
    EXPECT_EQ(refusal(reader, fmt::format("select * from bounced.{}", relation)), "") << relation;
  }
  EXPECT_EQ(query_value(reader, "select count(*) from bounced.deletion_requests"), "1");
  EXPECT_EQ(refusal(reader, "select bounced.poll_now('customer@example.com')"), "");
  for (const char* change :
       {"insert into bounced.deletion_requests (customer, email) values ('customer@example.com', 'x@y')",
        "update bounced.deletion_requests set state = 'cancelled'", "delete from bounced.mirror",
        "delete from bounced.deletion_requests", "update bounced.customers set active = false"}) {
    EXPECT_THAT(refusal(reader, change), testing::HasSubstr("permission denied")) << change;
  }
}

TEST_F(Readme, TheQueuerSeesAndChangesItsOwnRequestsOnly) {
  const std::string queuer = role("bounced_queuer");
  const std::string insert =
      "insert into bounced.deletion_requests (customer, email) values ('customer@example.com', '{}')";
  execute(url(), fmt::format(fmt::runtime(insert), "others@y"));
  EXPECT_EQ(refusal(queuer, fmt::format(fmt::runtime(insert), "own@y")), "");
  EXPECT_EQ(query_value(queuer, "select string_agg(email || requested_by, ',') from bounced.deletion_requests"),
            "own@ybounced_queuer");
  EXPECT_EQ(refusal(queuer, "update bounced.deletion_requests set state = 'cancelled'"), "");
  EXPECT_EQ(value("select string_agg(email || state, ',' order by email) from bounced.deletion_requests"),
            "others@ypending,own@ycancelled");
  for (const char* forbidden :
       {"select * from bounced.mirror", "select * from bounced.customers", "delete from bounced.deletion_requests",
        "update bounced.deletion_requests set email = 'x'", "update bounced.deletion_requests set requested_by = 'x'",
        "insert into bounced.deletion_requests (customer, email, state) values ('customer@example.com', 'x@y', 'done')",
        "select bounced.poll_now('customer@example.com')", "select bounced.queue_request()"}) {
    EXPECT_THAT(refusal(queuer, forbidden), testing::HasSubstr("permission denied")) << forbidden;
  }
  // Not by pretending to be a daemon either: nothing can be said to be done that was not.
  for (const char* state : {"done", "sending", "pending"}) {
    EXPECT_NE(
        refusal(queuer,
                fmt::format("set bounced.daemon = 'on'; update bounced.deletion_requests set state = '{}'", state)),
        "")
        << state;
  }
}

// By one right that `check` does not look for a daemon fails later.
TEST_F(Readme, CheckNamesEachRightThatTheDaemonsRoleLacks) {
  const std::string by_role = role("bounced_daemon");
  std::string text = config_text({.customers = "[customer@example.com]"});
  text.replace(text.find(daemon_url()), daemon_url().size(), by_role);
  dir.write("bounced.yaml", text);
  execute(url(), "revoke execute on all functions in schema bounced from public");
  EXPECT_THAT(run({"check"}), ended_with(0));
  const auto granted =
      query(url(),
            "select a.privilege_type, 'table bounced.' || c.relname, 'bounced.' || c.relname from pg_class c "
            "cross join aclexplode(c.relacl) a where c.relkind in ('r', 'v') and a.grantee = 'bounced_daemon'::regrole "
            "union all select a.privilege_type, 'sequence bounced.' || c.relname, 'sequence bounced.' || c.relname "
            "from pg_class c "
            "cross join aclexplode(c.relacl) a where c.relkind = 'S' and a.grantee = 'bounced_daemon'::regrole "
            "union all select a.privilege_type, 'function bounced.' || f.proname, 'function bounced.' || f.proname "
            "from pg_proc f "
            "cross join aclexplode(f.proacl) a where a.grantee = 'bounced_daemon'::regrole "
            "union all select 'USAGE', 'schema bounced', 'schema bounced'");
  EXPECT_GE(granted.size(), 30U);
  for (const Row& right : granted) {
    const std::string privilege = right[0].value_or(""), object = right[1].value_or("");
    execute(url(), fmt::format("revoke {} on {} from bounced_daemon", privilege, object));
    std::string lower = privilege;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has(fmt::format("run: grant {} on {} to bounced_daemon\n",
                                                                         lower, right[2].value_or("")))));
    execute(url(), fmt::format("grant {} on {} to bounced_daemon", privilege, object));
  }
}

TEST_F(Readme, TheDaemonsRoleIsEnough) {
  const std::string by_role = role("bounced_daemon");
  std::string text = config_text({.customers = "[customer@example.com]"});
  text.replace(text.find(daemon_url()), daemon_url().size(), by_role);
  dir.write("bounced.yaml", text);
  // What everybody may do by default too: somebody may have taken it away.
  execute(url(), "revoke execute on all functions in schema bounced from public");
  EXPECT_THAT(run({"check"}), ended_with(0));
  const auto daemon = start({"run", "--no-migrate"});
  daemon->wait_for_stderr("started version=");
  api.add("customer@example.com", {.email = "new@example.com"});
  execute(url(), "select bounced.poll_now('customer@example.com')");
  daemon->wait_for_stderr("mirror changed customer=customer@example.com");
  execute(url(),
          "insert into bounced.deletion_requests (customer, email) values ('customer@example.com', 'new@example.com')");
  daemon->wait_for_stderr("address deleted");
  EXPECT_THAT(run({"status"}), ended_with(0));
  const Ended ended = stop(*daemon);
  EXPECT_THAT(ended.err, testing::Not(testing::HasSubstr("permission denied")));
}

TEST_F(Readme, TheConfigurationLoads) {
  const auto configurations = blocks_of("yaml", readme());
  ASSERT_EQ(configurations.size(), 4U);
  for (const char* name : {"key_main", "key_old", "key_new", "key_database"}) write_key(name, key);
  // What shows the database alone goes with the accounts of the first.
  const std::string accounts = configurations[0].substr(configurations[0].find("accounts:"));
  for (const std::string& shown : configurations) {
    const bool has_accounts = shown.find("accounts:") != shown.npos;
    const std::string configuration = has_accounts ? shown : shown + accounts;
    dir.write("bounced.yaml", configuration);
    EXPECT_THAT(run({"check", "--offline"}, {{"CREDENTIALS_DIRECTORY", dir.path().string()}}), ended_with(0))
        << configuration;
  }
}

}  // namespace
}  // namespace bounced::test
