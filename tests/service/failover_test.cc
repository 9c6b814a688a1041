// SPDX-License-Identifier: Apache-2.0
// The primary PostgreSQL dies or takes no more writes, and its standby is promoted.
#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct TwoServers {
  Cluster primary;
  std::string at_primary = primary.create_database(Cluster::Schema::none);
  Cluster standby{{.tcp = false, .settings = {}, .standby_of = &primary}};
  std::string at_standby = standby.url(query_value(at_primary, "select current_database()"));
};

class Failover : private TwoServers, public Service {
 protected:
  static constexpr int customers = 5;
  static constexpr std::uint64_t list_length = 200;

  Failover()
      : Service("host=" + primary.host() + "," + standby.host() +
                " user=postgres dbname=" + query_value(at_primary, "select current_database()")) {}
  using TwoServers::at_primary;
  using TwoServers::at_standby;
  using TwoServers::primary;
  using TwoServers::standby;

  void configure_customers(const std::string& every) {
    std::string names = "[";
    for (int i = 0; i < customers; ++i) {
      api.generate(fmt::format("c{}", i), static_cast<std::uint64_t>(i) + 1, list_length);
      names += fmt::format("{}c{}", i > 0 ? ", " : "", i);
    }
    configure({.customers = names + "]", .top = "polling: {every: " + every + "}"});
  }
  // Commits wait for the standby from now on: what was acknowledged is not lost.
  void replicate_synchronously() {
    execute(at_primary, "alter system set synchronous_standby_names = '*'");
    execute(at_primary, "select pg_reload_conf()");
    wait_until(
        [&] {
          return query_value(at_primary, "select count(*) from pg_stat_replication where sync_state = 'sync'") == "1";
        },
        "the standby is synchronous");
  }
  void wait_mirrored() const {
    wait_until(
        [&] {
          return query_value(at_primary, "select to_regclass('bounced.customers')") != "null" &&
                 query_value(at_primary, "select count(last_full_at) from bounced.customers") ==
                     std::to_string(customers);
        },
        "all are mirrored");
  }
  std::string new_value(const std::string& sql) const { return query_value(at_standby, sql); }

  static void queue(const std::string& url, int requests) {
    execute(url, fmt::format("insert into bounced.deletion_requests (customer, email) select customer, email from "
                             "(select distinct customer, email from bounced.current_bounces) s "
                             "order by md5(email) limit {}",
                             requests));
  }
  // Requests are carried out while lists are read; then the primary is gone.
  void kill_primary_at_work(Process& daemon, int requests) {
    api.set_hook([](const simulator::Call&) -> std::optional<simulator::Answer> {
      std::this_thread::sleep_for(5ms);  // so that calls are in flight
      return std::nullopt;
    });
    queue(at_primary, requests);
    ASSERT_TRUE(api.wait_for_calls(api.counters().calls + 60));
    primary.kill();
    daemon.wait_for_stderr("database lost");
  }
  void expect_mirror_is_right(const std::string& url) {
    wait_until(
        [&] {
          return query_value(url,
                             "select count(*) from bounced.deletion_requests where state in "
                             "('pending', 'sending')") == "0";
        },
        "all requests are carried out");
    const std::string now = query_value(url, "select clock_timestamp()");
    wait_until(
        [&] {
          return query_value(
                     url, fmt::format("select count(*) from bounced.customers where last_full_at <= '{}'", now)) == "0";
        },
        "every customer was polled again");
    for (int i = 0; i < customers; ++i) {
      const std::string name = fmt::format("c{}", i);
      EXPECT_EQ(mirrored(url, name), listed(name));
    }
    EXPECT_EQ(query_value(url,
                          "select count(*) from bounced.current_bounces join bounced.deletion_requests "
                          "using (customer, email)"),
              "0");
    // Nothing was taken for a bounce that went and came back.
    EXPECT_EQ(query_value(url, "select count(*) - count(distinct (customer, email, bounced_at)) from bounced.bounces"),
              "0");
  }

 private:
  // Addresses and times of a customer's bounces, in order.
  using Bounces = std::vector<std::string>;
  Bounces listed(const std::string& customer) const {
    Bounces found;
    for (std::uint64_t place = 0; place < list_length; ++place) {
      if (const auto bounce = api.at(customer, place)) found.push_back(*bounce->email + " " + *bounce->created);
    }
    std::ranges::sort(found);
    return found;
  }
  static Bounces mirrored(const std::string& url, const std::string& customer) {
    Bounces found;
    for (const Row& row : query(url, fmt::format("select email || ' ' || to_char(bounced_at at time zone 'UTC', "
                                                 "'YYYY-MM-DD HH24:MI:SS') from bounced.current_bounces "
                                                 "where customer = '{}'",
                                                 customer)))
      found.push_back(row[0].value());
    std::ranges::sort(found);
    return found;
  }
};

TEST_F(Failover, WhatWasCommittedIsCarriedOutAtThePromotedStandby) {
  configure_customers("1s");
  replicate_synchronously();
  const auto daemon = start({"run"});
  wait_mirrored();
  kill_primary_at_work(*daemon, 400);
  standby.promote();
  daemon->wait_for_stderr("database back");
  expect_mirror_is_right(at_standby);
  EXPECT_EQ(new_value("select count(*) from bounced.deletion_requests where state = 'done'"), "400");
  EXPECT_EQ(new_value("select count(*) from bounced.bounces"), std::to_string(customers * list_length));
  EXPECT_EQ(new_value("select count(*) from bounced.bounces where gone_because <> 'deleted'"), "0");
  EXPECT_THAT(stop(*daemon).err, Not(HasSubstr("poll failed")));
}

// The last commits are lost; what is there is right all the same, and nothing is stuck.
TEST_F(Failover, WithoutSynchronousReplicationTheMirrorIsRightToo) {
  configure_customers("1s");
  const auto daemon = start({"run"});
  wait_mirrored();
  kill_primary_at_work(*daemon, 400);
  standby.promote();
  daemon->wait_for_stderr("database back");
  expect_mirror_is_right(at_standby);
  EXPECT_EQ(new_value("select count(*) from bounced.deletion_requests where state <> 'done'"), "0");
  stop(*daemon);
}

// What is lost may be steps of sequences too: then the numbers of a request and of its claim are given out again, while
// the call for the one that was lost is still in flight.
TEST_F(Failover, NumbersThatAreGivenOutAgainAreNotMixedUp) {
  configure_customers("1h");
  const auto daemon = start({"run"});
  wait_mirrored();
  // So that the next step is not one of those that PostgreSQL has written ahead.
  execute(at_primary, "select setval('bounced.claims', 1000)");
  wait_until([&] { return new_value("select last_value from bounced.claims") == "1000"; }, "the standby knows it");
  execute(standby.url(), "alter system set primary_conninfo = ''");
  execute(standby.url(), "select pg_reload_conf()");
  wait_until([&] { return query_value(standby.url(), "select count(*) from pg_stat_wal_receiver") == "0"; },
             "the standby gets no more");

  api.answer({.task = simulator::Task::remove}, {.hold_head = true}, 0);
  const auto request = [](const std::string& url, int place) {
    execute(url, fmt::format("insert into bounced.deletion_requests (customer, email) select customer, email from "
                             "bounced.current_bounces where customer = 'c1' order by email offset {} limit 1",
                             place));
  };
  const std::string numbers = "select request_id || ' ' || claim from bounced.deletion_requests";
  request(at_primary, 0);
  ASSERT_TRUE(api.wait_for_held(1));
  const std::string lost = query_value(at_primary, numbers);
  primary.kill();
  standby.promote();
  api.clear_answers();
  std::promise<void> go_on;
  api.set_hook([open = go_on.get_future().share()](const simulator::Call& call) -> std::optional<simulator::Answer> {
    if (call.task() == "delete") open.wait();
    return std::nullopt;
  });
  const auto calls = api.counters().calls;
  request(at_standby, 100);
  ASSERT_TRUE(api.wait_for_calls(calls + 1));
  ASSERT_EQ(new_value(numbers), lost);

  api.release();
  daemon->wait_for_stderr("request=1 ");  // the end of the one that was lost
  EXPECT_EQ(new_value("select state from bounced.deletion_requests"), "sending");
  go_on.set_value();
  wait_until([&] { return new_value("select state from bounced.deletion_requests") == "done"; }, "it is carried out");
  EXPECT_EQ(new_value("select outcome from bounced.deletion_requests"), "deleted");
  EXPECT_EQ(
      new_value("select gone_because from bounced.bounces join bounced.deletion_requests using (customer, email)"),
      "deleted");
  stop(*daemon);
}

// The old server comes back as a standby. It stands first in the URL, and is passed over until it is promoted again.
TEST_F(Failover, ASwitchoverThereAndBack) {
  configure_customers("1s");
  const auto daemon = start({"run"});
  wait_mirrored();
  primary.stop();  // which sends all to the standby
  daemon->wait_for_stderr("database lost");
  standby.promote();
  daemon->wait_for_stderr("database back");
  primary.return_as_standby_of(standby);
  queue(at_standby, 50);
  expect_mirror_is_right(at_standby);
  wait_until([&] { return query_value(primary.url(), "select count(*) from pg_stat_wal_receiver") == "1"; },
             "the old primary follows");
  EXPECT_THAT(run({"sync"}), ended_with(0));  // which meets both servers for the first time
  standby.stop();
  daemon->wait_for_stderr("database lost");
  primary.promote();
  daemon->wait_for_stderr("database back");
  queue(at_primary, 50);
  expect_mirror_is_right(at_primary);
  EXPECT_EQ(query_value(at_primary, "select count(*) from bounced.deletion_requests where state = 'done'"), "100");
  EXPECT_EQ(query_value(at_primary, "select count(*) from bounced.bounces"), std::to_string(customers * list_length));
  EXPECT_THAT(stop(*daemon).err, Not(HasSubstr("poll failed")));
}

// As a careful person does it: the old server takes no more writes, but goes on to answer.
TEST_F(Failover, AServerThatHasBecomeReadOnlyIsLeft) {
  configure_customers("1s");
  const auto daemon = start({"run"});
  wait_mirrored();
  execute(at_primary, "alter system set default_transaction_read_only = on");
  execute(at_primary, "select pg_reload_conf()");
  daemon->wait_for_stderr("read-only transaction");
  wait_until(
      [&] {
        return query_value(at_primary, "select pg_current_wal_lsn() <= replay_lsn from pg_stat_replication") == "t";
      },
      "the standby has everything");
  standby.promote();
  daemon->wait_for_stderr("database back");
  queue(at_standby, 50);
  expect_mirror_is_right(at_standby);
  wait_until(
      [&] {
        return query_value(at_primary,
                           "select count(*) from pg_stat_activity where application_name like '%heartbeat'") == "0";
      },
      "its heart beats elsewhere");
  EXPECT_THAT(stop(*daemon).err, Not(HasSubstr("poll failed")));
}

// Heartbeats are as old as the outage was long.
TEST_F(Failover, NobodyIsTakenForDeadRightAfterIt) {
  configure_customers("1h");
  replicate_synchronously();
  const auto one = start({"run"});
  wait_mirrored();
  one->signal(SIGSTOP);  // so that it is the other one's
  const auto two = start({"run"});
  two->wait_for_stderr("started version=");
  api.answer({.customer = "c1"}, {.gzip = simulator::Gzip::never, .hold_at = 100});
  execute(at_primary, "select bounced.poll_now('c1')");
  ASSERT_TRUE(api.wait_for_held(1));
  const std::string claim = query_value(at_primary, "select claim from bounced.customers where name = 'c1'");
  two->signal(SIGSTOP);
  primary.kill();
  one->signal(SIGCONT);
  one->wait_for_stderr("database lost");
  standby.promote();
  execute(at_standby, "update bounced.daemons set heartbeat = now() - interval '30 s'");
  one->wait_for_stderr("database back");
  // It looks for what is free, and finds nothing.
  execute(at_standby, "select bounced.poll_now('c2')");
  wait_until([&] { return new_value("select full_asked_at is null from bounced.customers where name = 'c2'") == "t"; },
             "somebody looks for work");
  EXPECT_EQ(new_value("select claim from bounced.customers where name = 'c1'"), claim);
  two->signal(SIGCONT);
  api.add("c1", {.email = "later@example.org"});
  api.release();
  wait_until(
      [&] {
        return new_value(
                   "select claimed_by is null and last_full_at > (select met_at from bounced.server) - "
                   "interval '1 min' from bounced.customers where name = 'c1'") == "t";
      },
      "its owner has come to the end of its poll");
  EXPECT_EQ(new_value("select claim from bounced.customers where name = 'c1'"), claim);
  stop(*one);
  EXPECT_THAT(stop(*two).err, Not(HasSubstr("poll discarded")));
}

}  // namespace
}  // namespace bounced::test
