// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sync/api/client.h"
#include "tests/simulator/simulator.h"
#include "tests/support/run.h"

namespace bounced::test {

// Keeps what it is given.
class Collected : public api::Sink {
 public:
  boost::asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override {
    ++puts;
    largest = std::max(largest, batch.size());
    for (db::ListedBounce& bounce : batch) bounces.push_back(std::move(bounce));
    if (wait) co_await wait();
  }

  std::vector<db::ListedBounce> bounces;
  std::size_t puts = 0;
  std::size_t largest = 0;  // batch, in entries
  std::function<boost::asio::awaitable<void>()> wait;
};

// The client of one account at a simulator, over TLS.
class ClientTest : public testing::Test {
 protected:
  using Outcome = std::variant<api::ListRead, api::Fault>;

  static constexpr const char* customer = "a+b@example.com";

  explicit ClientTest(simulator::Options options = {.user = "reseller", .key = "kéy+/&=%secret"})
      : options_(std::move(options)), server(options_) {
    // In place of the system's authorities, which would also take their time to load for each client.
    setenv("SSL_CERT_FILE", "/dev/null", 1);
    setenv("SSL_CERT_DIR", "/dev/null", 1);
    account.name = "main";
    account.base_url = server.base_url();
    account.user = options_.user;
    account.key.emplace(options_.key);
    account.ca_file = server.ca_file();
    server.add(customer,
               {.email = "x@example.org", .status = "5.1.1", .reason = "550 <x> ü", .created = "2024-05-06 07:08:09"});
    server.add(customer, {.email = "y+z@example.org", .status = "550", .reason = "", .created = std::nullopt});
  }

  // One call with a client of its own.
  Outcome read(api::Sink& sink, std::optional<int> recent_days = std::nullopt) {
    return run([&](auto executor) -> boost::asio::awaitable<Outcome> {
      const auto client = api::make_client(executor, account, deadlines);
      co_return co_await client->read_list(customer, recent_days, sink, {});
    });
  }

  // What that call was told, which never has the key in it.
  api::Fault fault() {
    Collected ignored;
    return fault_of(read(ignored));
  }
  api::Fault fault(const simulator::Answer& answer) {
    server.answer({}, answer);
    return fault();
  }

  static api::Fault fault_of(Outcome outcome) {
    if (const auto* read = std::get_if<api::ListRead>(&outcome)) {
      ADD_FAILURE() << "a list of " << read->entries << " instead of a fault";
      return {};
    }
    api::Fault fault = std::get<api::Fault>(std::move(outcome));
    EXPECT_THAT(fault.message, testing::Not(testing::HasSubstr("secret")));
    EXPECT_THAT(fault.message, testing::HasSubstr("/apiv2/reseller.manage."));
    return fault;
  }

  // The list of the call, which must have succeeded.
  std::vector<db::ListedBounce> list(std::optional<int> recent_days = std::nullopt) {
    Collected collected;
    const Outcome outcome = read(collected, recent_days);
    if (const auto* fault = std::get_if<api::Fault>(&outcome)) ADD_FAILURE() << fault->message;
    if (const auto* read = std::get_if<api::ListRead>(&outcome)) {
      EXPECT_EQ(read->entries, collected.bounces.size());
    }
    return collected.bounces;
  }
  std::vector<db::ListedBounce> list(const simulator::Answer& answer) {
    server.answer({}, answer);
    return list();
  }

  [[nodiscard]] static std::vector<db::ListedBounce> expected() {
    return {{"x@example.org", "5.1.1", "550 <x> ü", db::LocalTime{"2024-05-06 07:08:09"}},
            {"y+z@example.org", "550", "", std::monostate{}}};
  }

  simulator::Options options_;
  simulator::Simulator server;
  config::Account account;
  api::Deadlines deadlines;
};

}  // namespace bounced::test
