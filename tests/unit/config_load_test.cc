// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <fstream>
#include <sstream>

#include "tests/unit/config_files.h"

namespace bounced::config {
namespace {

using namespace std::chrono_literals;
using test::least;

class Load : public test::ConfigFiles {};

TEST_F(Load, WhatIsLeftOutHasItsDefault) {
  const Config config = load(least);
  EXPECT_EQ(config.database.url, "postgresql:///bounced");
  EXPECT_EQ(config.database.connections, 4);
  EXPECT_EQ(config.polling.schedule, (Schedule{5min, 24h, 0}));
  EXPECT_EQ(config.polling.concurrency, 8);
  EXPECT_EQ(config.deletions.concurrency, 8);
  EXPECT_EQ(config.deletions.max_attempts, 10);
  EXPECT_EQ(config.deletions.daily_limit, 0);
  EXPECT_EQ(config.retention.polls, 24h * 30);
  EXPECT_EQ(config.retention.deletion_requests, 24h * 365);
  EXPECT_EQ(config.retention.gone_bounces, 0h);
  EXPECT_EQ(config.log.level, LogLevel::info);
  EXPECT_EQ(config.log.format, LogFormat::automatic);
  ASSERT_EQ(config.accounts.size(), 1U);
  const Account& account = config.accounts[0];
  EXPECT_EQ(account.name, "main");
  EXPECT_EQ(account.user, "reseller");
  EXPECT_EQ(account.format, Format::json);
  EXPECT_EQ(account.method, Method::get);
  EXPECT_EQ(account.base_url, "https://sendgrid.com");
  EXPECT_EQ(account.time_zone, "America/Los_Angeles");
  EXPECT_EQ(account.rate_limit.requests, 600);
  EXPECT_EQ(account.rate_limit.per, 1min);
  EXPECT_EQ(account.concurrency, 4);
  EXPECT_FALSE(account.ca_file);
  EXPECT_EQ(account.key, Secret(std::string(test::secret)));
  EXPECT_EQ(std::get<KeyFile>(account.key_source).path, dir() / "main.key");
  ASSERT_EQ(account.customers.size(), 1U);
  EXPECT_EQ(account.customers[0].name, "one@example.com");
  EXPECT_EQ(account.customers[0].schedule, config.polling.schedule);
}

TEST_F(Load, EverySettingIsRead) {
  write("extra.pem", "-----BEGIN CERTIFICATE-----\n");
  const Config config = load(R"(
database: {url: "host=db1,db2 dbname=x", connections: 7}
polling: {every: 10m, full_every: 2d, recent_days: 5, concurrency: 9}
deletions: {concurrency: 3, max_attempts: 1, daily_limit: 500}
retention: {polls: 1d, deletion_requests: 2d, gone_bounces: 3d}
log: {level: warning, format: json}
accounts:
  - name: other
    api: v2
    format: xml
    method: post
    base_url: http://127.0.0.1:8080/api/
    user: me
    key: {file: main.key}
    time_zone: Etc/GMT+3
    rate_limit: 10/1s
    concurrency: 2
    ca_file: extra.pem
    customers: []
)");
  EXPECT_EQ(config.database.url, "host=db1,db2 dbname=x");
  EXPECT_EQ(config.database.connections, 7);
  EXPECT_EQ(config.polling.schedule, (Schedule{10min, 48h, 5}));
  EXPECT_EQ(config.polling.concurrency, 9);
  EXPECT_EQ(config.deletions.concurrency, 3);
  EXPECT_EQ(config.deletions.max_attempts, 1);
  EXPECT_EQ(config.deletions.daily_limit, 500);
  EXPECT_EQ(config.retention.polls, 24h);
  EXPECT_EQ(config.retention.deletion_requests, 48h);
  EXPECT_EQ(config.retention.gone_bounces, 72h);
  EXPECT_EQ(config.log.level, LogLevel::warning);
  EXPECT_EQ(config.log.format, LogFormat::json);
  const Account& account = config.accounts.at(0);
  EXPECT_EQ(account.format, Format::xml);
  EXPECT_EQ(account.method, Method::post);
  EXPECT_EQ(account.base_url, "http://127.0.0.1:8080/api");
  EXPECT_EQ(account.time_zone, "Etc/GMT+3");
  EXPECT_EQ(account.rate_limit.requests, 10);
  EXPECT_EQ(account.rate_limit.per, 1s);
  EXPECT_EQ(account.concurrency, 2);
  EXPECT_EQ(account.ca_file, dir() / "extra.pem");
  EXPECT_TRUE(account.customers.empty());
}

TEST_F(Load, SchedulesComeDownFromPollingOverTheAccountToTheCustomer) {
  const Config config = load("polling: {every: 2m}\n" + least +
                             "    every: 3m\n"
                             "    full_every: 12h\n"
                             "  - name: second\n"
                             "    user: x\n"
                             "    key: {file: main.key}\n"
                             "    full_every: 6h\n"
                             "    recent_days: 2\n"
                             "    customers:\n"
                             "      - a\n"
                             "      - {name: b, every: 1h}\n"
                             "      - {name: c, recent_days: 0, every: 48h}\n");
  EXPECT_EQ(config.accounts[0].customers[0].schedule, (Schedule{3min, 12h, 0}));
  const auto& customers = config.accounts[1].customers;
  EXPECT_EQ(customers[0].schedule, (Schedule{2min, 6h, 2}));
  EXPECT_EQ(customers[1].schedule, (Schedule{1h, 6h, 2}));
  EXPECT_EQ(customers[2].schedule, (Schedule{48h, 6h, 0}));
}

TEST_F(Load, AnAccountOfV3NamesSubusersItsOwnListOrAll) {
  const Config config = load(
      "accounts:\n"
      "  - name: main\n"
      "    api: v3\n"
      "    key: {file: main.key}\n"
      "    recent_days: 2\n"
      "    customers: [a, {name: b, subuser: b-at-api}, {name: c, own: true}, {name: d, own: false, every: 1h}]\n"
      "  - name: everybody\n"
      "    api: v3\n"
      "    base_url: https://api.eu.sendgrid.com\n"
      "    key: {file: main.key}\n"
      "    every: 1h\n"
      "    customers: all\n"
      "  - name: most\n"
      "    api: v3\n"
      "    key: {file: main.key}\n"
      "    customers: [all, {name: all}, {name: e, every: 1h}]\n");
  const Account& main = config.accounts.at(0);
  EXPECT_EQ(main.api, Api::v3);
  EXPECT_EQ(main.base_url, "https://api.sendgrid.com");
  EXPECT_EQ(main.time_zone, "");
  EXPECT_FALSE(main.all_customers);
  std::vector<std::string> names;
  for (const Customer& customer : main.customers) names.push_back(customer.name + '=' + customer.api_name);
  EXPECT_THAT(names, testing::ElementsAre("a=a", "b=b-at-api", "c=", "d=d"));
  const Account& everybody = config.accounts.at(1);
  EXPECT_EQ(everybody.base_url, "https://api.eu.sendgrid.com");
  EXPECT_TRUE(everybody.all_customers);
  EXPECT_EQ(everybody.schedule.every, 1h);
  EXPECT_TRUE(config.accounts.at(2).all_customers);
  EXPECT_EQ(config.accounts.at(2).customers.size(), 2U);
}

TEST_F(Load, ARateLimitOfZeroIsNone) {
  EXPECT_EQ(load(least + "    rate_limit: 0\n").accounts[0].rate_limit.requests, 0);
}

TEST_F(Load, ASectionWithoutAValueIsEmpty) {
  EXPECT_EQ(load("polling:\ndatabase:\nlog: ~\n" + least).polling.concurrency, 8);
}

TEST_F(Load, AliasesStandForTheirAnchors) {
  const Config config = load(
      "accounts:\n"
      "  - name: a\n"
      "    user: x\n"
      "    key: &key {file: main.key}\n"
      "    customers: [&first a1]\n"
      "  - name: b\n"
      "    user: *first\n"
      "    key: *key\n"
      "    customers: [b1]\n");
  EXPECT_EQ(config.accounts[1].key, config.accounts[0].key);
  EXPECT_EQ(config.accounts[1].user, "a1");
}

TEST_F(Load, ByteOrderMarkCarriageReturnsAndDocumentMarksAreTolerated) {
  std::string yaml = "\xEF\xBB\xBF---\n" + least + "...\n";
  for (std::size_t pos = 0; (pos = yaml.find('\n', pos)) != std::string::npos; pos += 2) yaml.insert(pos, "\r");
  EXPECT_EQ(load(yaml).accounts[0].customers[0].name, "one@example.com");
}

TEST_F(Load, AHundredThousandCustomersLoadInSeconds) {
  constexpr int count = 100'000;
  std::ostringstream lines;
  for (int i = 0; i < count; ++i) lines << "customer" << i << "@example.com\n";
  write("many.txt", lines.str());
  std::ostringstream items;
  for (int i = 0; i < count; ++i) items << "      - {name: item" << i << "@example.com, every: 1h}\n";
  const auto begin = std::chrono::steady_clock::now();
  const Config config = load(
      "accounts:\n  - {name: main, user: x, key: {file: main.key}, customers_file: many.txt}\n"
      "  - name: second\n    user: x\n    key: {file: main.key}\n    customers:\n" +
      items.str());
  // Far more than it takes with sanitizers, and far less than anything quadratic would.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 30s);
  EXPECT_EQ(config.accounts[0].customers.size(), 100'000U);
  EXPECT_EQ(config.accounts[0].customers.back().name, "customer99999@example.com");
  EXPECT_EQ(config.accounts[1].customers.back().schedule.every, 1h);
}

class BaseUrl : public test::ConfigFiles, public testing::WithParamInterface<std::pair<const char*, const char*>> {};

TEST_P(BaseUrl, IsKeptWithoutASlashAtItsEnd) {
  const auto& [written, kept] = GetParam();
  EXPECT_EQ(load(least + "    base_url: \"" + written + "\"\n").accounts[0].base_url, kept);
}

INSTANTIATE_TEST_SUITE_P(Good, BaseUrl,
                         testing::Values(std::pair{"https://api.sendgrid.com", "https://api.sendgrid.com"},
                                         std::pair{"https://sendgrid.com/", "https://sendgrid.com"},
                                         std::pair{"HTTPS://SendGrid.com//", "https://sendgrid.com"},
                                         std::pair{"https://proxy.example:8443/send/grid/",
                                                   "https://proxy.example:8443/send/grid"},
                                         std::pair{"http://localhost:8080", "http://localhost:8080"},
                                         std::pair{"http://LOCALHOST", "http://localhost"},
                                         std::pair{"http://127.8.9.10/x", "http://127.8.9.10/x"},
                                         std::pair{"http://[::1]:8080", "http://[::1]:8080"}));

}  // namespace
}  // namespace bounced::config
