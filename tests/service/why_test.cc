// SPDX-License-Identifier: Apache-2.0
// `bounced why`: what is known of an address.
#include <signal.h>

#include <boost/json.hpp>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Why : public Service {
 protected:
  // One that is on two lists, was taken off one of them by a request before, and left a third.
  void live() {
    for (const char* name : {"b@example.com", "c@example.com"}) api.add_customer(name);
    const auto bounce = [](const std::string& created, const std::string& status, const std::string& reason) {
      return simulator::Bounce{.email = "who@example.org", .status = status, .reason = reason, .created = created};
    };
    configure({.customers = "[a@example.com, b@example.com, c@example.com]"});
    api.add("a@example.com", bounce("2024-01-01 10:00:00", "5.1.1", "550 5.1.1 user unknown"));
    api.add("c@example.com", bounce("2024-01-02 10:00:00", "4.2.2", "452 4.2.2 mailbox full"));
    ASSERT_THAT(run({"sync"}), ended_with(0));
    execute(url(),
            "insert into bounced.deletion_requests (customer, email, note) values ('a@example.com', "
            "'who@example.org', 'asked by phone')");
    api.remove("c@example.com", "who@example.org");
    ASSERT_THAT(run({"sync"}), ended_with(0));
    api.add("a@example.com", bounce("2024-02-01 10:00:00", "5.1.1", "550 5.1.1 user unknown"));
    api.add("b@example.com", bounce("2024-02-02 10:00:00", "4.2.2", "452 4.2.2 mailbox full"));
    ASSERT_THAT(run({"sync"}), ended_with(0));
  }
};

TEST_F(Why, TellsWhereAnAddressIsListedWhySinceWhenAndWhatBecameOfIt) {
  live();
  const Ended why = run({"why", "who@example.org"});
  EXPECT_THAT(why,
              AllOf(ended_with(0), out_has("who@example.org is on the list of 2 customers.\n"),
                    out_has("\na@example.com: listed since "), out_has("Invalid Address (hard)."),
                    out_has("The server said: 550 5.1.1 user unknown"), out_has("bounce number 2 here"),
                    out_has("bounced 2024-01-01 10:00 UTC (Invalid Address, 5.1.1); gone "), out_has(": deleted\n"),
                    out_has(": done (deleted), "), out_has("note: asked"), out_has("\nb@example.com: listed since "),
                    out_has("Mailbox Unavailable (soft)."), out_has("\nc@example.com: not listed\n")));
  // The statement that it shows does what it says.
  const auto at = why.out.find("insert into");
  execute(url(), why.out.substr(at, why.out.find('\n', at) - at));
  EXPECT_THAT(run({"sync"}), ended_with(0));
  EXPECT_EQ(value("select count(*) from bounced.current_bounces where email = 'who@example.org'"), "1");
}

TEST_F(Why, AnAddressThatIsOnNoListEndsWithOne) {
  live();
  EXPECT_THAT(run({"why", "nobody@example.org"}),
              AllOf(ended_with(1), out_has("nobody@example.org is on no list, and")));
  api.remove("a@example.com", "who@example.org");
  api.remove("b@example.com", "who@example.org");
  EXPECT_THAT(run({"sync"}), ended_with(0));
  EXPECT_THAT(run({"why", "who@example.org"}),
              AllOf(ended_with(1), out_has("is on no list now."), Not(out_has("insert into"))));
}

TEST_F(Why, FindsTheAddressHoweverItIsWritten) {
  live();
  EXPECT_THAT(run({"why", "Who@Example.ORG"}), AllOf(ended_with(0), out_has("a@example.com: listed since ")));
}

TEST_F(Why, TellsProgramsAllOfIt) {
  live();
  const Ended why = run({"why", "who@example.org", "--json"});
  EXPECT_THAT(why, ended_with(0));
  const boost::json::value all = boost::json::parse(why.out);
  EXPECT_TRUE(all.at("listed").as_bool());
  const auto& customers = all.at("customers").as_array();
  ASSERT_EQ(customers.size(), 3U);
  EXPECT_EQ(customers[0].at("bounces").as_array().size(), 2U);
  EXPECT_EQ(customers[0].at("bounces").at(0).at("class").as_string(), "Invalid Address");
  EXPECT_EQ(customers[0].at("bounces").at(0).at("again_after").as_string(), "deleted");
  EXPECT_EQ(customers[0].at("requests").at(0).at("outcome").as_string(), "deleted");
  EXPECT_FALSE(customers[2].at("listed").as_bool());
}

TEST_F(Why, WhatATerminalWouldObeyIsShownAsTextAndTheStatementStillRuns) {
  const std::string evil = "e'vil\x1b[2J\xe2\x80\xae@example.org";
  api.add("a@example.com", {.email = evil, .reason = "550 \x1b]0;title\x07 it's unknown"});
  configure();
  ASSERT_THAT(run({"sync"}), ended_with(0));
  const Ended why = run({"why", evil});
  EXPECT_THAT(why, ended_with(0));
  EXPECT_THAT(why.out, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xe2\x80\xae")), Not(HasSubstr("\x07"))));
}

// Rules of the user's own.
class OwnRules : public Why {
 protected:
  void write_rules(const std::string& bounce_class) {
    dir.write("own.yaml", fmt::format("rules:\n  - name: full\n    class: {}\n    because: we know better\n"
                                      "    phrases:\n      - mailbox full\n",
                                      bounce_class));
  }
  void wait_for_class(const std::string& wanted) {
    wait_until([&] { return value("select max(class) from bounced.bounces") == wanted; }, "the class is " + wanted);
  }
  const Settings with_file{.top = "polling: {every: 24h}\nclasses_file: own.yaml"};
};

TEST_F(OwnRules, CountFromTheStartAndFromAReloadOnForWhatIsThereAndForWhatComes) {
  api.set("a@example.com", {{.email = "full@example.org", .status = "5.2.2", .reason = "552 mailbox full"}});
  configure({.top = "polling: {every: 24h}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  wait_for_class("Mailbox Unavailable");
  write_rules("Content");
  configure(with_file);
  daemon->signal(SIGHUP);
  wait_for_class("Content");
  api.add("a@example.com", {.email = "other@example.org", .status = "5.2.2", .reason = "552 mailbox full"});
  execute(url(), "select bounced.poll_now('a@example.com')");
  wait_until([&] { return current_bounces() == "2"; }, "the other bounce");
  EXPECT_EQ(value("select string_agg(distinct class, ' ') from bounced.bounces"), "Content");
  EXPECT_EQ(value("select content || ' ' || current from bounced.bounces_by_domain where domain = 'example.org'"),
            "2 2");
  stop(*daemon);
}

TEST_F(OwnRules, ThatCannotBeReadAreToldAndAReloadKeepsThoseOfBefore) {
  write_rules("Nonsense");
  configure(with_file);
  for (const char* command : {"check", "run", "sync"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("own.yaml:3: "), err_has("Nonsense"))) << command;
  }
  write_rules("Content");
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  write_rules("Nonsense");
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("was not reloaded");
  stop(*daemon);
}

}  // namespace
}  // namespace bounced::test
