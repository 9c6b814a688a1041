// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <string>

#include "sync/deletions.h"
#include "tests/integration/poll_fixture.h"

namespace bounced::test {

// Deletion requests carried out in this process.
class DeletionsTest : public PollTest {
 protected:
  using PollTest::PollTest;

  // At the API, and known to the database.
  void add_customer(const std::string& name, const std::string& in = "json") {
    PollTest::add_customer(name, in);
    with_daemon([](Daemon&) -> asio::awaitable<void> { co_return; });
  }

  // Bounces that are on the customer's list and in the mirror.
  void have_listed(const std::string& customer, const std::vector<std::string>& emails) {
    for (const std::string& email : emails) api.add(customer, {.email = email, .created = "2024-05-06 07:08:09"});
    ASSERT_EQ(poll(customer).end, sync::PollResult::End::merged);
    api.forget_calls();
  }

  void queue(const std::string& customer, const std::string& email) const {
    execute(url, fmt::format("insert into bounced.deletion_requests (customer, email) values ('{}', '{}')", customer,
                             email));
  }
  void queue_many(const std::string& customer, int count) const {
    execute(url, fmt::format("insert into bounced.deletion_requests (customer, email) "
                             "select '{}', 'x' || i || '@example.org' from generate_series(1, {}) i",
                             customer, count));
  }
  std::string count_of(const std::string& state) const {
    return value(fmt::format("select count(*) from bounced.deletion_requests where state = '{}'", state));
  }

  // Carries out what is due, as `bounced sync` does.
  void drain() {
    with_daemon([&](Daemon& daemon) -> asio::awaitable<void> {
      sync::Deletions deletions(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.deletions);
      std::set<std::string> all;
      for (const auto& [name, customer] : daemon.accounts.customers()) all.insert(name);
      co_await deletions.drain(std::move(all));
    });
  }

  // Runs the worker beside body(Deletions&, Wakeup& happened, Daemon&), and stops it after that.
  template <class Body>
  void beside_deletions(Body body, int connections = 4) {
    with_daemon(
        [&](Daemon& daemon) -> asio::awaitable<void> {
          sync::Deletions deletions(daemon.io, daemon.pool, daemon.accounts, recorder, daemon.number, config.deletions);
          sync::Wakeup happened(daemon.io);
          recorder.told = [&] { happened.wake(); };
          bool ended = false;
          std::exception_ptr broken;
          asio::co_spawn(daemon.io, deletions.run(), [&](std::exception_ptr error) {
            ended = true;
            broken = error;
            happened.wake();
          });
          std::exception_ptr failed;
          try {
            co_await body(deletions, happened, daemon);
          } catch (...) {
            failed = std::current_exception();
          }
          deletions.stop();
          while (!ended) co_await happened.wait(std::chrono::seconds(1));
          recorder.told = nullptr;
          if (failed) std::rethrow_exception(failed);
          if (broken) std::rethrow_exception(broken);
        },
        connections);
  }

  // The ends so far, of that kind.
  std::size_t ended(db::RequestEnd::Kind kind) const {
    std::size_t count = 0;
    for (const auto& one : recorder.of<sync::RequestEnded>()) count += one.end.kind == kind && !one.claim_lost ? 1 : 0;
    return count;
  }
};

}  // namespace bounced::test
