// SPDX-License-Identifier: Apache-2.0
// SIGHUP: what a new configuration changes, and what a bad one does not.
#include <chrono>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class Reload : public Service {
 protected:
  Reload() {
    for (const char* name : {"b@example.com", "c@example.com"}) api.add(name, {.email = "y@example.org"});
  }

  static void reload(Process& daemon) {
    daemon.signal(SIGHUP);
    daemon.wait_for_stderr("configuration reloaded");
  }
  static void reload_in_vain(Process& daemon, const std::string& problem) {
    daemon.signal(SIGHUP);
    daemon.wait_for_stderr("the configuration is wrong, and was not reloaded problem=");
    EXPECT_THAT(daemon.stderr_text(), HasSubstr(problem));
  }
  std::size_t polls_of(const std::string& customer) const {
    std::size_t polls = 0;
    for (const auto& call : api.calls()) polls += call.customer() == customer ? 1 : 0;
    return polls;
  }
  std::string customers() const {
    return value(
        "select string_agg(name || case when active then '' else ' (inactive)' end, ', ' order by name) "
        "from bounced.customers");
  }
};

TEST_F(Reload, CustomersAreAddedAndRemovedAndTheirRowsStay) {
  configure({.customers = "[a@example.com, b@example.com]"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed customer=b@example.com");
  configure({.customers = "[a@example.com, c@example.com]"});
  reload(*daemon);
  daemon->wait_for_stderr("mirror changed customer=c@example.com");
  EXPECT_EQ(customers(), "a@example.com, b@example.com (inactive), c@example.com");
  EXPECT_EQ(value("select count(*) from bounced.current_bounces where customer = 'b@example.com' and not active"), "1");
  stop(*daemon);
}

TEST_F(Reload, IntervalsChangeAtOnce) {
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed customer=a@example.com");
  configure({.top = "polling: {every: 1s}"});
  reload(*daemon);
  ASSERT_TRUE(api.wait_for_calls(3));
  stop(*daemon);
}

TEST_F(Reload, ABadFileChangesNothingAndEveryProblemIsTold) {
  configure({.top = "polling: {every: 1s}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed customer=a@example.com");
  configure({.customers = "[b@example.com]", .top = "polling: {every: never}\nretention: {pols: 1d}"});
  reload_in_vain(*daemon, "polling.every");
  daemon->wait_for_stderr("retention.pols");
  // A zone that only PostgreSQL can tell.
  dir.write("bounced.yaml", [&] {
    std::string text = config_text({.customers = "[b@example.com]"});
    return text.replace(text.find("UTC"), 3, "Europe/Atlantis");
  }());
  reload_in_vain(*daemon, "Europe/Atlantis");
  std::filesystem::remove(dir.path() / "bounced.yaml");
  reload_in_vain(*daemon, "bounced.yaml");
  // It still does what it did.
  api.forget_calls();
  ASSERT_TRUE(api.wait_for_calls(2));
  EXPECT_EQ(polls_of("b@example.com"), 0U);
  EXPECT_EQ(customers(), "a@example.com");
  stop(*daemon);
}

TEST_F(Reload, AKeyThatWasPutRightIsTriedAtOnce) {
  write_key("main.key", "wrong-key");
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("account paused account=main kind=credentials calls=all");
  write_key("main.key", key);
  reload(*daemon);
  daemon->wait_for_stderr("account resumed account=main");
  EXPECT_EQ(current_bounces(), "1");
  stop(*daemon);
}

// A right that was revoked for a while is no fault of the configuration.
TEST_F(Reload, WhatTheDatabaseRefusesIsRegisteredLater) {
  write_key("main.key", "wrong-key");
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("account paused account=main kind=credentials calls=all");
  execute(url(),
          "create function public.deny() returns trigger language plpgsql as "
          "$$ begin raise insufficient_privilege; end $$; "
          "create trigger trouble before insert on bounced.customers "
          "for each statement execute function public.deny()");
  write_key("main.key", key);
  configure({.customers = "[a@example.com, c@example.com]"});
  reload(*daemon);
  EXPECT_EQ(customers(), "a@example.com");
  execute(url(), "drop trigger trouble on bounced.customers");
  daemon->wait_for_stderr("account resumed account=main");
  // Its poll may be the one that resumes the account.
  wait_until([&] { return current_bounces() == "2"; }, "the lists of both customers");
  EXPECT_THAT(stop(*daemon).err, Not(HasSubstr("the configuration is wrong")));
}

TEST_F(Reload, ACustomerMovesToAnotherAccountWithItsQueue) {
  api.add_account("other", "other-key");
  write_key("other.key", "other-key");
  const auto with_other = [&](const std::string& mains, const std::string& others) {
    dir.write("bounced.yaml",
              config_text({.customers = mains}) +
                  fmt::format("\n  - name: other\n    user: other\n    key: {{file: other.key}}\n    base_url: {}\n"
                              "    ca_file: {}\n    time_zone: UTC\n    customers: {}\n",
                              api.base_url(), api.ca_file(), others));
  };
  with_other("[a@example.com, b@example.com]", "[c@example.com]");
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  for (const char* name : {"a", "b", "c"}) {
    wait_until(
        [&] {
          return value(fmt::format("select count(*) from bounced.current_bounces where customer = "
                                   "'{}@example.com'",
                                   name)) == "1";
        },
        "all are mirrored");
  }
  // Deletions of the old account hang while the customer moves.
  api.answer({.task = simulator::Task::remove}, {.hold_head = true}, 4);
  execute(url(),
          "insert into bounced.deletion_requests (customer, email) "
          "select 'b@example.com', i || '@example.org' from generate_series(1, 20) i");
  ASSERT_TRUE(api.wait_for_held(4));
  with_other("[a@example.com]", "[b@example.com, c@example.com]");
  reload(*daemon);
  api.release();
  wait_until([&] { return value("select count(*) from bounced.deletion_requests where state = 'done'") == "20"; },
             "all requests are carried out");
  std::size_t by_old = 0, by_new = 0;
  for (const auto& call : api.calls()) {
    if (call.task() != "delete") continue;
    ++(call.parameter("api_user") == "other" ? by_new : by_old);
  }
  EXPECT_EQ(by_old, 4U);
  EXPECT_EQ(by_new, 16U);
  EXPECT_EQ(value("select account || ' ' || active from bounced.customers where name = 'b@example.com'"), "other true");
  stop(*daemon);
}

TEST_F(Reload, APollInFlightComesToItsEndThoughItsAccountIsGone) {
  api.add_account("other", "other-key");
  write_key("other.key", "other-key");
  const std::string other = fmt::format(
      "\n  - name: other\n    user: other\n    key: {{file: other.key}}\n    base_url: {}\n    ca_file: {}\n"
      "    time_zone: UTC\n    customers: [b@example.com]\n",
      api.base_url(), api.ca_file());
  dir.write("bounced.yaml", config_text() + other);
  api.answer({.customer = "b@example.com"}, {.gzip = simulator::Gzip::never, .hold_at = 10});
  const auto daemon = start({"run"});
  ASSERT_TRUE(api.wait_for_held(1));
  configure();
  reload(*daemon);
  EXPECT_EQ(customers(), "a@example.com, b@example.com (inactive)");
  api.release();
  daemon->wait_for_stderr("mirror changed customer=b@example.com");
  stop(*daemon);
}

TEST_F(Reload, LevelsOfTheLogChangeAndWhatNeedsARestartIsNamed) {
  configure({.log = "{level: info, format: text}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed customer=a@example.com");
  dir.write("bounced.yaml", [&] {
    std::string text = config_text({.log = "{level: debug, format: json}"});
    return text.insert(text.find('}'), ", connections: 7");
  }());
  reload(*daemon);
  EXPECT_THAT(daemon->stderr_text(), HasSubstr("changed settings need a restart key=database"));
  EXPECT_THAT(daemon->stderr_text(), HasSubstr("changed settings need a restart key=log.format"));
  EXPECT_THAT(daemon->stderr_text(), Not(HasSubstr("mirror unchanged")));
  execute(url(), "select bounced.poll_now('a@example.com')");
  daemon->wait_for_stderr("mirror unchanged");
  stop(*daemon);
}

// A rolling change: each daemon polls by its own configuration or not at all, and somebody polls in any case.
TEST_F(Reload, TwoDaemonsWithDifferentConfigurationsDoNoHarmAndSaySo) {
  configure({.top = "polling: {every: 1s}"});
  const auto old_one = start({"run"});
  old_one->wait_for_stderr("started version=");
  configure({.top = "polling: {every: 2s}"});
  const auto new_one = start({"run"});
  new_one->wait_for_stderr("mirror unchanged customer=a@example.com");
  EXPECT_EQ(value("select poll_every from bounced.customers"), "00:00:02");
  old_one->wait_for_stderr(
      "another daemon has another configuration customers=1 customer=a@example.com "
      "what=\"it is polled every 00:00:02, here every 00:00:01\"");
  EXPECT_EQ(value("select poll_every from bounced.customers"), "00:00:02");
  EXPECT_THAT(run({"status"}).out, HasSubstr("disagrees about 1 customer"));
  // It is reloaded with the new configuration, and they agree.
  reload(*old_one);
  EXPECT_EQ(value("select sum(cardinality(disagrees)) from bounced.daemons"), "0");
  stop(*new_one);
  api.forget_calls();
  ASSERT_TRUE(api.wait_for_calls(2));
  stop(*old_one);
}

}  // namespace
}  // namespace bounced::test
