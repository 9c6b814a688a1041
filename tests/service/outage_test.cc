// SPDX-License-Identifier: Apache-2.0
// The database and the API go away and come back.
#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct OwnCluster {
  Cluster cluster;
};

class Outage : private OwnCluster, public Service {
 protected:
  Outage() : Service(OwnCluster::cluster.create_database(Cluster::Schema::none)) {}
  using OwnCluster::cluster;

  static int count(const std::string& text, const std::string& piece) {
    int times = 0;
    for (auto at = text.find(piece); at != text.npos; at = text.find(piece, at + 1)) ++times;
    return times;
  }
};

TEST_F(Outage, ADatabaseThatComesLateIsWaitedFor) {
  configure();
  cluster.stop();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("warning waiting for the database error=");
  cluster.start();
  daemon->wait_for_stderr("database back");
  daemon->wait_for_stderr("mirror changed customer=a@example.com");
  EXPECT_EQ(count(stop(*daemon).err, "waiting for the database"), 1);
}

TEST_F(Outage, TheWaitForADatabaseCanBeEnded) {
  configure();
  cluster.stop();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("waiting for the database");
  stop(*daemon);
}

TEST_F(Outage, ADatabaseThatGoesAwayIsNobodysFailure) {
  configure({.top = "polling: {every: 1s}"});
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  for (const bool crash : {false, true}) {
    if (crash)
      cluster.kill();
    else
      cluster.stop();
    daemon->wait_for_stderr("warning database lost");
    cluster.start();
    daemon->wait_for_stderr("info    database back");
    daemon->wait_for_stderr("mirror unchanged");
  }
  api.add("a@example.com", {.email = "new@example.org"});
  daemon->wait_for_stderr("mirror changed");
  EXPECT_EQ(value("select count(*) from bounced.polls where error is not null"), "0");
  EXPECT_EQ(value("select count(*) from bounced.daemons"), "1");
  EXPECT_THAT(stop(*daemon).err, Not(HasSubstr("poll failed")));
}

TEST_F(Outage, AReloadWaitsForTheDatabaseAndTakesTheFileAsItIsThen) {
  for (const char* name : {"b@example.com", "c@example.com"}) api.add(name, {.email = "y@example.org"});
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  cluster.stop();
  daemon->wait_for_stderr("database lost");
  configure({.customers = "[a@example.com, b@example.com]"});
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("reloading the configuration");
  configure({.top = "polling: {every: never}"});
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("the configuration is wrong, and was not reloaded");
  configure({.customers = "[a@example.com, b@example.com]"});
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("reloading the configuration");
  configure({.customers = "[a@example.com, c@example.com]"});
  daemon->signal(SIGHUP);
  cluster.start();
  daemon->wait_for_stderr("configuration reloaded");
  daemon->wait_for_stderr("mirror changed customer=c@example.com");
  EXPECT_EQ(value("select string_agg(name, ' ' order by name) from bounced.customers"), "a@example.com c@example.com");
  stop(*daemon);
}

TEST_F(Outage, AReloadThatIsAskedForDuringTheStartComesAfterIt) {
  api.add("b@example.com", {.email = "y@example.org"});
  configure();
  cluster.stop();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("waiting for the database");
  configure({.customers = "[a@example.com, b@example.com]"});
  daemon->signal(SIGHUP);
  cluster.start();
  daemon->wait_for_stderr("started");
  daemon->wait_for_stderr("configuration reloaded");
  daemon->wait_for_stderr("mirror changed customer=b@example.com");
  stop(*daemon);
}

TEST_F(Outage, ADaemonStopsWhileAReloadWaits) {
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  cluster.stop();
  daemon->wait_for_stderr("database lost");
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("reloading the configuration");
  stop(*daemon);
}

TEST_F(Outage, ADaemonStopsWhileTheDatabaseIsAway) {
  configure();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  cluster.stop();
  daemon->wait_for_stderr("database lost");
  EXPECT_THAT(stop(*daemon), err_has("claims could not be given back"));
}

TEST_F(Outage, AnApiThatGoesAwayIsToldOnceAndItsReturnToo) {
  configure();
  const auto poll_now = [&] { execute(url(), "select bounced.poll_now('a@example.com')"); };
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  api.stop();
  poll_now();
  daemon->wait_for_stderr("warning poll failed customer=a@example.com account=main poll=full kind=unavailable");
  poll_now();
  daemon->wait_for_stderr("debug   poll failed");
  EXPECT_EQ(current_bounces(), "1");
  api.start();
  poll_now();
  daemon->wait_for_stderr("info    customer recovered customer=a@example.com account=main failures=2");
  EXPECT_EQ(count(stop(*daemon).err, "warning poll failed"), 1);
}

}  // namespace
}  // namespace bounced::test
