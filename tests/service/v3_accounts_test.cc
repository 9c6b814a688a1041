// SPDX-License-Identifier: Apache-2.0
// Accounts at v3, as a person runs them: customers that come and go by themselves, and accounts of both kinds.
#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::AllOf;

class V3Accounts : public Service {
 protected:
  V3Accounts() {
    for (const char* name : {"b@example.com", "c@example.com"}) api.add(name, {.email = "x@example.org"});
  }

  void configure_v3(const std::string& customers, const std::string& more = "") const {
    dir.write("bounced.yaml", fmt::format("database: {{url: \"{}\"}}\npolling: {{every: 24h}}\n"
                                          "log: {{level: debug, format: text}}\naccounts:\n"
                                          "  - name: moved\n    api: v3\n    key: {{file: main.key}}\n"
                                          "    base_url: {}\n    ca_file: {}\n    rate_limit: 0\n    customers: {}\n{}",
                                          daemon_url(), api.base_url(), api.ca_file(), customers, more));
  }
  std::string active() const {
    return value("select string_agg(name, ' ' order by name) from bounced.customers where active");
  }
  void wait_for_active(const std::string& names) const {
    wait_until([&] { return active() == names; }, "active are " + names);
  }
  // What the API does when it is asked for the subusers.
  void answer_subusers(const std::optional<simulator::Answer>& answer) {
    api.set_hook([answer](const simulator::Call& call) { return call.task() == "subusers" ? answer : std::nullopt; });
  }
};

TEST_F(V3Accounts, CustomersComeAndGoAsTheApiNamesThem) {
  configure_v3("all");
  api.set_disabled("c@example.com", true);
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  wait_for_active("a@example.com b@example.com c@example.com");
  daemon->wait_for_stderr("customers are disabled at the API account=moved customers=\"1: c@example.com\"");
  wait_until([&] { return current_bounces() == "3"; }, "their bounces");
  api.add("d@example.com", {.email = "x@example.org"});
  api.remove_customer("b@example.com");
  daemon->signal(SIGHUP);
  wait_for_active("a@example.com c@example.com d@example.com");
  wait_until([&] { return current_bounces() == "4"; }, "the bounces of those that came, beside those of who left");
  stop(*daemon);
}

TEST_F(V3Accounts, AnApiThatCannotNameThemTakesNobodyAway) {
  configure_v3("all");
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(0), out_has("3 customers: 3 mirrored")));
  answer_subusers(simulator::Answer{.status = 500, .body = "<html>Oops</html>"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("the account's customers are not known, and stay as they were");
  execute(url(), "select bounced.poll_now('b@example.com')");
  daemon->wait_for_stderr("customer=b@example.com");
  EXPECT_EQ(active(), "a@example.com b@example.com c@example.com");
  answer_subusers(simulator::Answer{.body = "{}"});
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("kind=not_understood");
  EXPECT_EQ(active(), "a@example.com b@example.com c@example.com");
  stop(*daemon);
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(1), out_has("3 customers: 3 mirrored"), err_has("no list of subusers")));
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("account moved: its customers:")));
}

TEST_F(V3Accounts, MostOfThemDoNotLeaveAtOnce) {
  for (int i = 10; i < 20; ++i) api.add_customer(fmt::format("{}@example.com", i));
  configure_v3("all");
  EXPECT_THAT(run({"sync"}), ended_with(0));
  answer_subusers(simulator::Answer{.body = R"([{"username":"a@example.com","disabled":false}])"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("the API names 1 of 13 customers");
  EXPECT_EQ(value("select count(*) from bounced.customers where active"), "13");
  daemon->signal(SIGHUP);  // asks again, as half a minute does
  wait_for_active("a@example.com");
  stop(*daemon);
}

TEST_F(V3Accounts, ALookForCustomersThatHangsEndsWithTheDaemon) {
  configure_v3("all");
  answer_subusers(simulator::Answer{.hold_head = true});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  wait_until([&] { return api.counters().held > 0; }, "the call that is not answered");
  wait_until(
      [&] { return value("select in_flight -> 'oldest' -> 0 ->> 'what' from bounced.daemons") == "list of customers"; },
      "it to be told");
  stop(*daemon);
}

TEST_F(V3Accounts, SyncAndCheckTakeThemToo) {
  configure_v3("[all, {name: own@example.com, own: true}, {name: b-here@example.com, subuser: b@example.com}]");
  api.set_own_customer("user", "parent");
  api.add("parent", {.email = "y@example.org"});
  EXPECT_THAT(run({"check"}), AllOf(ended_with(0), out_has("account moved: the API names 3 customers"),
                                    out_has("customer c@example.com of account moved"),
                                    out_has("customer own@example.com of account moved"),
                                    out_has("customer b-here@example.com of account moved")));
  EXPECT_THAT(run({"sync", "c@example.com"}), AllOf(ended_with(0), out_has("1 customer: 1 mirrored")));
  EXPECT_THAT(run({"sync", "cc@example.com"}), AllOf(ended_with(2), err_has("did you mean \"c@example.com\"?")));
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(0), out_has("4 customers: 4 mirrored")));
  EXPECT_EQ(active(), "a@example.com b-here@example.com c@example.com own@example.com");
  EXPECT_EQ(value("select string_agg(email, ' ') from bounced.current_bounces where customer = 'own@example.com'"),
            "y@example.org");
  execute(url(), "insert into bounced.deletion_requests (customer, email) values ('own@example.com', 'y@example.org')");
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(0), out_has("1 deletion request: 1 done")));
  EXPECT_EQ(api.size("parent"), 0U);
}

// A proxy that drops the header makes the account's own list pass for everybody's.
TEST_F(V3Accounts, CheckFindsOutThatEverybodysListIsTheAccountsOwn) {
  configure_v3("all");
  api.set_own_customer("user", "parent");
  api.add("parent", {.email = "y@example.org"});
  api.set_v3({.ignore_subuser = true});
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("customer a@example.com of account moved: the API gives the "
                                                           "account's own list instead of the customer's")));
}

// In the same configuration; the customer moves with a reload, and the daemon goes on.
TEST_F(V3Accounts, ACustomerMovesFromAnAccountOfV2) {
  const auto configured = [this](const std::string& v2, const std::string& v3) {
    configure_v3(v3, fmt::format("  - name: main\n    user: user\n    key: {{file: main.key}}\n    base_url: {}\n    "
                                 "ca_file: {}\n    rate_limit: 0\n    customers: {}\n",
                                 api.base_url(), api.ca_file(), v2));
  };
  configured("[a@example.com, b@example.com]", "[c@example.com]");
  api.generate("a@example.com", 5, 3'000);
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  wait_until([&] { return current_bounces() == "3002"; }, "the bounces");
  configured("[b@example.com]", "[c@example.com, a@example.com]");
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("configuration reloaded");
  execute(url(), "select bounced.poll_now('a@example.com')");
  daemon->wait_for_stderr("customer=a@example.com account=moved poll=full received=3000 added=0");
  EXPECT_EQ(value("select count(*) from bounced.bounces where gone_at is not null"), "0");
  EXPECT_EQ(value("select account from bounced.customers where name = 'a@example.com'"), "moved");
  stop(*daemon);
}

}  // namespace
}  // namespace bounced::test
