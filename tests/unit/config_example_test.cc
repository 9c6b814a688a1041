// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "tests/unit/config_files.h"

namespace bounced::config {
namespace {

using namespace std::chrono_literals;

// The text that is shipped.
std::string example() {
  const std::filesystem::path file = BOUNCED_EXAMPLE;
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

// With every setting that is commented out: those whose # is followed by a letter or "- ", or by these after some
// blanks.
std::string uncommented() {
  std::istringstream lines(example());
  std::string text;
  for (std::string line; std::getline(lines, line); text += line + '\n') {
    const std::size_t hash = line.find_first_not_of(' ');
    if (hash == std::string::npos || line[hash] != '#') continue;
    const std::string_view rest = std::string_view(line).substr(hash + 1);
    const bool starts_list = rest.starts_with("- ") || rest.starts_with("    - ");
    const std::size_t indent = rest.starts_with("  ") ? 2 : 0;
    const char first = indent < rest.size() ? rest[indent] : ' ';
    if (starts_list || (first >= 'a' && first <= 'z')) line.erase(hash, 1);
  }
  return text;
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t pos = text.find(from);
  ASSERT_NE(pos, std::string::npos) << from;
  text.replace(pos, from.size(), to);
}

// The mapping that begins in a line: that and the following ones that are indented no less.
std::string mapping_at(const std::string& text, int first) {
  std::istringstream lines(text);
  std::string mapping;
  std::size_t indent = 0;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    if (++number < first) continue;
    if (number == first) indent = line.find_first_not_of(' ');
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin != std::string::npos && begin < indent) break;
    mapping += line + '\n';
  }
  return mapping;
}

class Example : public test::ConfigFiles {
 protected:
  Example() {
    write("key_main", std::string(test::secret) + '\n');
    write("key_moved", std::string(test::secret) + '\n');
    write("key_database", std::string(test::secret) + '\n');
    ::setenv("CREDENTIALS_DIRECTORY", dir().c_str(), 1);
    write("extra-ca.pem", "-----BEGIN CERTIFICATE-----\n");
    write("classes.yaml", "rules: []\n");
    write("customers.txt", "from-file@example.com\n");
  }
  void TearDown() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
};

TEST_F(Example, LoadsAsItStands) {
  const Config config = load(example());
  ASSERT_EQ(config.accounts.size(), 1U);
  EXPECT_EQ(config.accounts[0].key, Secret(std::string(test::secret)));
  ASSERT_EQ(config.accounts[0].customers.size(), 2U);
  EXPECT_EQ(config.accounts[0].customers[1].schedule, (Schedule{1h, 24h, 3}));
}

TEST_F(Example, WhatIsCommentedOutIsTheDefault) {
  const Config config = load(uncommented());
  EXPECT_EQ(config.database.url, Database().url);
  EXPECT_EQ(config.database.connections, Database().connections);
  EXPECT_EQ(config.database.password, Secret(std::string(test::secret)));
  EXPECT_EQ(config.polling.schedule, Schedule());
  EXPECT_EQ(config.polling.concurrency, Polling().concurrency);
  EXPECT_EQ(config.deletions.concurrency, Deletions().concurrency);
  EXPECT_EQ(config.deletions.max_attempts, Deletions().max_attempts);
  EXPECT_EQ(config.retention.polls, Retention().polls);
  EXPECT_EQ(config.retention.deletion_requests, Retention().deletion_requests);
  EXPECT_EQ(config.log.level, Log().level);
  EXPECT_EQ(config.log.format, Log().format);
  const Account& account = config.accounts.at(0);
  EXPECT_EQ(account.format, Account().format);
  EXPECT_EQ(account.method, Account().method);
  EXPECT_EQ(account.base_url, Account().base_url);
  EXPECT_EQ(account.time_zone, Account().time_zone);
  EXPECT_EQ(account.rate_limit.requests, RateLimit().requests);
  EXPECT_EQ(account.rate_limit.per, RateLimit().per);
  EXPECT_EQ(account.concurrency, Account().concurrency);
  EXPECT_EQ(account.ca_file, dir() / "extra-ca.pem");
  EXPECT_EQ(account.customers.back().name, "from-file@example.com");
  const Account& moved = config.accounts.at(1);
  EXPECT_EQ(moved.api, Api::v3);
  EXPECT_EQ(moved.customers.at(1).api_name, "moved-big");
  EXPECT_EQ(moved.customers.at(2).api_name, "");
}

// The problem of an unknown key lists the known ones: each mapping gets one.
TEST_F(Example, HasEveryKnownKey) {
  const std::string unknown = "unlike-any-other: 1";
  std::string yaml = unknown + '\n' + uncommented();
  for (const std::string section : {"database", "polling", "deletions", "retention", "log"}) {
    replace(yaml, '\n' + section + ":\n", '\n' + section + ":\n  " + unknown + '\n');
  }
  replace(yaml, "  - name: main", "  - " + unknown + "\n    name: main");
  replace(yaml, "{name: big@example.com", "{" + unknown + ", name: big@example.com");
  const std::vector<Problem> found = problems(yaml);
  EXPECT_EQ(found.size(), 8U);
  for (const Problem& problem : found) {
    const std::string before = "the keys here are ";
    ASSERT_THAT(problem.message, testing::HasSubstr(before));
    std::string keys = problem.message.substr(problem.message.find(before) + before.size());
    std::erase(keys, ',');
    std::istringstream words(keys);
    const std::string mapping = mapping_at(yaml, problem.line);
    for (std::string key; words >> key;) {
      EXPECT_THAT(mapping, testing::AnyOf(testing::HasSubstr(' ' + key + ':'), testing::HasSubstr('\n' + key + ':')))
          << problem.key;
    }
  }
}

}  // namespace
}  // namespace bounced::config
