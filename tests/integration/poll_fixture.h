// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "db/customers.h"
#include "db/daemons.h"
#include "sync/accounts.h"
#include "sync/events.h"
#include "sync/once.h"
#include "sync/poller.h"
#include "sync/wakeup.h"
#include "tests/simulator/simulator.h"
#include "tests/support/cluster.h"
#include "tests/support/counts.h"
#include "tests/support/run.h"

namespace bounced::test {

namespace asio = boost::asio;

// Keeps what happened, and calls back for a test that waits for it.
class Recorder final : public sync::Observer {
 public:
  void on(const sync::Event& event) override {
    events.push_back(event);
    if (told) told();
  }

  template <class Kind>
  [[nodiscard]] std::vector<Kind> of() const {
    std::vector<Kind> found;
    for (const sync::Event& event : events) {
      if (const auto* kind = std::get_if<Kind>(&event)) found.push_back(*kind);
    }
    return found;
  }

  std::vector<sync::Event> events;
  std::function<void()> told;
};

// Two accounts at a simulator over TLS, "json" and "xml", and a fresh database.
class PollTest : public testing::Test {
 protected:
  explicit PollTest(Cluster& cluster = Cluster::shared()) : url(cluster.create_database()) {
    config.accounts = {account("json", config::Format::json), account("xml", config::Format::xml)};
  }

  void TearDown() override { expect_right_counts(url); }

  config::Account account(const std::string& name, config::Format format) const {
    config::Account made;
    made.name = name;
    made.format = format;
    made.base_url = api.base_url();
    made.user = "user";
    made.key = config::Secret("secret-key-of-tests");
    made.time_zone = "America/Los_Angeles";
    made.ca_file = api.ca_file();
    made.rate_limit.requests = 0;
    return made;
  }

  config::Account account_of_v3(const std::string& name) const {
    config::Account made = account(name, config::Format::json);
    made.api = config::Api::v3;
    made.user.clear();
    made.time_zone.clear();
    return made;
  }

  void add_customer(const std::string& name, const std::string& in = "json", config::Schedule schedule = {}) {
    for (config::Account& one : config.accounts) {
      if (one.name == in) one.customers.push_back({name, schedule, name});
    }
    api.add_customer(name);
  }

  // Everything that a daemon has, for the body of one test.
  struct Daemon {
    Daemon(const asio::any_io_executor& executor, PollTest& test, int connections = 4)
        : io(executor),
          pool(executor, {.url = test.url, .application = "test"}, connections),
          accounts(executor, pool, test.config, test.deadlines),
          poller(pool, accounts, test.recorder, true) {}

    asio::awaitable<void> enter() {
      co_await pool.run([this](db::Session& session) {
        number = db::start_daemon(session, {.host = "here", .pid = 1, .version = "1"});
        db::register_configuration(session, number, *accounts.configured(), db::Existing::change);
      });
    }

    // A full poll, or a recent one.
    asio::awaitable<sync::PollResult> poll(std::string customer, bool full = true) {
      auto claims =
          co_await pool.run([&](db::Session& session) { return db::claim_named(session, number, {customer}, {}); });
      claims.at(0).full = full;
      co_return co_await poller.poll(claims.at(0));
    }

    asio::any_io_executor io;
    db::Pool pool;
    sync::Accounts accounts;
    sync::Poller poller;
    std::int64_t number = 0;
  };

  // Runs a coroutine body(Daemon&).
  template <class Body>
  auto with_daemon(Body body, int connections = 4) {
    return run([&](asio::any_io_executor executor) -> std::invoke_result_t<Body&, Daemon&> {
      Daemon daemon(executor, *this, connections);
      co_await daemon.enter();
      co_return co_await body(daemon);
    });
  }

  // One full poll of the customer.
  sync::PollResult poll(const std::string& customer, bool full = true) {
    return with_daemon([&](Daemon& daemon) { return daemon.poll(customer, full); });
  }

  std::string value(const std::string& sql) const { return query_value(url, sql); }

  // Every row of the mirror as text, in a stable order.
  std::string mirror() const {
    return value("select coalesce(string_agg(m::text, e'\\n' order by bounce_id), '') from bounced.mirror m");
  }

  simulator::Simulator api;
  std::string url;
  config::Config config;
  api::Deadlines deadlines;
  Recorder recorder;
};

}  // namespace bounced::test
