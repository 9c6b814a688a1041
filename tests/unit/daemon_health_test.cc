// SPDX-License-Identifier: Apache-2.0
#include "daemon/health.h"

#include <gmock/gmock.h>

namespace bounced::daemon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

db::Status all_is_well() {
  db::Status status{.now = {"2024-05-06T07:10:00Z", 0}, .customers = {}, .accounts = {}, .queue = {}, .daemons = {}};
  status.customers.push_back({.name = "a@example.com",
                              .account = "main",
                              .last_poll_at = db::Moment{"2024-05-06T07:08:09Z", 60},
                              .next_poll_at = {"2024-05-06T07:13:09Z", -240}});
  status.accounts.push_back({.name = "main", .api = "v2"});
  status.daemons.push_back(
      {.id = 7, .host = "here", .pid = 1, .version = "1", .started = {"", 60}, .heartbeat = {"", 2}, .alive = true});
  return status;
}

void expect(const db::Status& status, Health::State state, const std::string& line) {
  const Health health = health_of(status);
  EXPECT_EQ(health.state, state) << health.line;
  EXPECT_THAT(health.line, StartsWith(line));
  EXPECT_THAT(health.line, Not(HasSubstr("\n")));
}

TEST(Health, IsWell) {
  expect(all_is_well(), Health::ok, "OK: 1 customer, 1 daemon");
}

TEST(Health, IsDegraded) {
  db::Status status = all_is_well();
  status.customers[0].failures = 3;
  status.customers[0].last_error = "unavailable: HTTP 500\nnext line";
  expect(status, Health::degraded, "DEGRADED: 1 customer failing (a@example.com: unavailable: HTTP 500?next line)");
  status.customers[0].active = false;
  expect(status, Health::ok, "OK: 0 customers");

  status = all_is_well();
  status.customers[0].next_poll_at.ago = 400;
  expect(status, Health::degraded, "DEGRADED: 1 customer late (a@example.com: by 7m)");

  status = all_is_well();
  status.customers[0].held_since = db::Moment{"", 300};
  expect(status, Health::degraded, "DEGRADED: 1 list held (a@example.com: for 5m)");

  status = all_is_well();
  status.accounts[0].paused_until = db::Moment{"", -600};
  status.accounts[0].paused_because = "wrong key";
  expect(status, Health::degraded, "DEGRADED: 1 account paused (main: for another 10m: wrong key)");

  status = all_is_well();
  status.queue.push_back({.customer = "a@example.com", .pending = 1, .oldest = db::Moment{"", 3599}, .waits_for = ""});
  expect(status, Health::ok, "OK");
  status.queue[0].oldest->ago = 7200;
  status.queue[0].waits_for = "daily limit";
  expect(status, Health::degraded,
         "DEGRADED: 1 customer with deletion requests of more than an hour (a@example.com: 2h old, waits for: daily "
         "limit)");

  status = all_is_well();
  status.daemons[0].stalls = 2;
  expect(status, Health::degraded, "DEGRADED: 2 stalls");
}

TEST(Health, IsDownWithoutADaemonThatSaysThatItIsAlive) {
  db::Status status = all_is_well();
  status.customers[0].failures = 1;
  status.daemons[0].heartbeat.ago = 21;
  // As the database has it right after a restart of its server.
  expect(status, Health::down, "DOWN: no daemon is running, or none can write its heartbeat; 1 customer failing");
  status.daemons.clear();
  expect(status, Health::down, "DOWN: no daemon is running");
}

TEST(Health, NamesTheWorstAndStaysShort) {
  db::Status status = all_is_well();
  for (int i = 0; i < 1000; ++i) {
    db::CustomerStatus customer = status.customers[0];
    customer.name = "c" + std::to_string(i) + std::string(200, 'x');
    customer.failures = i == 500 ? 99 : 1;
    customer.last_error = std::string(5000, 'e') + "\x1b[31m";
    customer.held_since = db::Moment{"", 1};
    status.customers.push_back(customer);
  }
  const Health health = health_of(status);
  EXPECT_THAT(health.line, AllOf(StartsWith("DEGRADED: 1,000 customers failing (c500x"), Not(HasSubstr("\x1b"))));
  EXPECT_LT(health.line.size(), 600U);
  EXPECT_EQ(down("two\nlines\xe2\x80\xae").line, "DOWN: two?lines?");
}

}  // namespace
}  // namespace bounced::daemon
