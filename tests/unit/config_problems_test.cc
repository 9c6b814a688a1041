// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <algorithm>
#include <string>

#include "tests/unit/config_files.h"

namespace bounced::config {
namespace {

using test::is_problem;
using test::least;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

struct Case {
  std::string yaml;
  int line;
  std::string key;
  std::string piece;  // of the message
};

// How a failed test shows one.
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.yaml;
}

class Problems : public test::ConfigFiles, public testing::WithParamInterface<Case> {};

TEST_P(Problems, HasItsLineKeyAndRemedyAndIsTheOnlyOne) {
  const Case& c = GetParam();
  EXPECT_THAT(problems(c.yaml), ElementsAre(is_problem(c.line, c.key, c.piece)));
}

// Line 1 in front of the least.
Case top(const std::string& line, const std::string& key, const std::string& piece) {
  return {line + '\n' + least, 1, key, piece};
}

// Line 7, more of the account.
Case account(const std::string& line, const std::string& key, const std::string& piece) {
  return {least + "    " + line + '\n', 7, "accounts[0]." + key, piece};
}

// The least, in which one piece is another.
Case changed(const std::string& from, const std::string& to, int line, const std::string& key,
             const std::string& piece) {
  std::string yaml = least;
  yaml.replace(yaml.find(from), from.size(), to);
  return {yaml, line, key, piece};
}

INSTANTIATE_TEST_SUITE_P(
    Sections, Problems,
    testing::Values(
        top("database: postgresql://u:SG.do-not-show-me@h/db", "database", "must be a mapping"),
        top("database: {postgresql://u:SG.do-not-show-me@h/db}", "database", "unknown key; the keys here are url"),
        top("database: {url: [SG.do-not-show-me]}", "database.url", "must be a single value"),
        top("database: {url: }", "database.url", "has no value"),
        top("database: {url: ''}", "database.url", "is empty"),
        top("database: {url: \"postgresql://u:SG.do-not-show-me\\0\"}", "database.url", "control character"),
        top("database: {url: 'mysql://u:SG.do-not-show-me@h/db'}", "database.url", "postgresql:///bounced"),
        top("database: {connections: 1}", "database.connections", "is \"1\"; write a whole number from 2 to 100"),
        top("database: {connections: 101}", "database.connections", "from 2 to 100"),
        top("database: {connections: 2.5}", "database.connections", "whole number"),
        top("database: {connections: 99999999999}", "database.connections", "from 2 to 100"),
        top("polling: [1]", "polling", "must be a mapping"),
        top("polling: {every: 0s}", "polling.every", "write a duration from 1s to 3650d"),
        top("polling: {every: 300}", "polling.every", "\"300\" is no duration; write a whole number and one of s"),
        top("polling: {every: 9999999999999999999d}", "polling.every", "too long"),
        top("polling: {full_every: 3651d}", "polling.full_every", "from 1s to 3650d"),
        top("polling: {full_every: 4m}", "polling.full_every", "full_every (4m) is shorter than every (5m)"),
        top("polling: {every: 2d, recent_days: 3}", "polling.recent_days", "full_every (1d) is shorter than every"),
        top("polling: {every: 49h, recent_days: 2, full_every: 7d}", "polling.recent_days", "would miss bounces"),
        top("polling: {recent_days: -1}", "polling.recent_days", "from 0 to 366"),
        top("polling: {concurrency: 0}", "polling.concurrency", "from 1 to 500"),
        top("polling: {concurrency: 501}", "polling.concurrency", "from 1 to 500"),
        top("deletions: {concurrency: 0}", "deletions.concurrency", "from 1 to 500"),
        top("deletions: {max_attempts: 0}", "deletions.max_attempts", "from 1 to 1000"),
        top("deletions: {daily_limit: -1}", "deletions.daily_limit", "from 0 to 1000000000"),
        top("retention: {deletion_requests: 1h}", "retention.deletion_requests", "1d"),
        top("retention: {gone_bounces: 1h}", "retention.gone_bounces", "1d"),
        top("retention: {polls: 0d}", "retention.polls", "from 1s"),
        top("retention: {deletion_requests: forever}", "retention.deletion_requests", "is no duration"),
        top("log: {level: warn}", "log.level", "is \"warn\"; write one of debug, info, warning, error"),
        top("log: {format: journal}", "log.format", "auto, text, json"), top("log: info", "log", "must be a mapping")));

INSTANTIATE_TEST_SUITE_P(
    Keys, Problems,
    testing::Values(
        top("poling: {}", "poling", "did you mean polling?"),
        top("http: {port: 1}", "http",
            "the keys here are database, polling, deletions, retention, log, classes_file, accounts, proxy"),
        top("polling: {evrey: 1s}", "polling.evrey", "did you mean every?"),
        top("polling: {full-every: 1d}", "polling.full-every", "did you mean full_every?"),
        top("database: {urls: x}", "database.urls", "did you mean url?"),
        account("daily_limit: 5", "daily_limit", "unknown key"),
        account("pasword: SG.do-not-show-me", "pasword", "unknown key"),
        account("keys: SG.do-not-show-me", "keys", "did you mean key?"),
        top("polling: {every: 5m, every: 5m}", "polling.every", "is given twice, first in line 1"),
        account("user: again", "user", "is given twice, first in line 4"),
        Case{"log: {}\n" + least + "log: {}\n", 8, "log", "is given twice, first in line 1"},
        changed("[one@example.com]", "[{name: a, evry: 1h}]", 6, "accounts[0].customers[0].evry", "every?"),
        changed("[one@example.com]", "[{name: a, concurrency: 1}]", 6, "accounts[0].customers[0].concurrency",
                "the keys here are name, every, full_every, recent_days")));

INSTANTIATE_TEST_SUITE_P(
    Accounts, Problems,
    testing::Values(
        Case{"log: {}\n", 0, "accounts", "is missing; list at least one account"},
        Case{"accounts: []\n", 1, "accounts", "is empty"}, Case{"\naccounts:\n", 2, "accounts", "must be a list"},
        Case{"accounts: {name: x}\n", 1, "accounts", "must be a list"},
        Case{least + "  - third\n", 7, "accounts[1]", "must be a mapping"},
        changed("name: main", "api: v2", 3, "accounts[0].name", "is missing"),
        changed("main", "' '", 3, "accounts[0].name", "is blank"),
        changed("main", "'main '", 3, "accounts[0].name", "begins or ends with a blank"),
        changed("main", "\"a\\tb\"", 3, "accounts[0].name", "control character"),
        changed("main", std::string(1001, 'x'), 3, "accounts[0].name", "1,000 bytes"),
        Case{least + "  - name: main\n    user: x\n    key: {file: main.key}\n    customers: [c]\n", 7,
             "accounts[1].name", "\"main\" is the name of the account in line 3 already"},
        changed("    user: reseller\n", "", 3, "accounts[0].user", "is missing"),
        changed("reseller", "", 4, "accounts[0].user", "has no value"),
        account("api: v4", "api", "is \"v4\"; write one of v2, v3"), account("format: yaml", "format", "json, xml"),
        account("method: put", "method", "get, post"), account("concurrency: none", "concurrency", "is \"none\""),
        account("time_zone: ''", "time_zone", "PostgreSQL"),
        account("time_zone: Los Angeles", "time_zone", "no time zone"),
        account("rate_limit: 600", "rate_limit", "is \"600\"; write requests/duration, as 600/1m"),
        account("rate_limit: 0/1m", "rate_limit", "600/1m"), account("rate_limit: 600/1", "rate_limit", "600/1m"),
        account("rate_limit: 600/2d", "rate_limit", "1d"), account("rate_limit: -1/1m", "rate_limit", "600/1m"),
        account("rate_limit: 1000001/1m", "rate_limit", "1000000"), account("rate_limit: 1/0s", "rate_limit", "1s"),
        account("ca_file: none.pem", "ca_file", "/none.pem does not exist"),
        account("ca_file: .", "ca_file", "is a folder"),
        account("ca_file: main.key", "ca_file", "main.key holds no certificate"),
        account("every: soon", "every", "is no duration"),
        account("full_every: 1m", "full_every", "shorter than every (5m)"),
        account("recent_days: 1000", "recent_days", "from 0 to 366")));

// The same account at v3, and a line more.
Case v3(const std::string& line, const std::string& key, const std::string& piece) {
  Case made = account(line, key, piece);
  made.yaml.replace(made.yaml.find("user: reseller"), 14, "api: v3");
  return made;
}
Case v3_customers(const std::string& customers, const std::string& key, const std::string& piece) {
  Case made = v3("every: 5m", key, piece);
  made.yaml.replace(made.yaml.find("[one@example.com]"), 17, customers);
  made.line = 6;
  return made;
}

INSTANTIATE_TEST_SUITE_P(
    V3, Problems,
    testing::Values(
        v3("user: reseller", "user", "is not for api: v3: the key alone says who asks; remove it"),
        v3("format: xml", "format", "JSON alone"), v3("method: post", "method", "is not for api: v3"),
        v3("time_zone: UTC", "time_zone", "its times are instants"),
        v3_customers("[{name: a, subuser: b, own: true}]", "customers[0].subuser", "cannot stand beside own: true"),
        v3_customers("[a, {name: b, subuser: a}]", "customers[1].subuser", "subuser \"a\" is customer \"a\" already"),
        v3_customers("[{name: a, own: true}, {name: b, own: true}]", "customers[1].own",
                     "the account's own list is customer \"a\" already"),
        v3_customers("[{name: a, own: yes}]", "customers[0].own", "true, false"),
        changed("[one@example.com]", "all", 6, "accounts[0].customers", "must be a list"),
        changed("[one@example.com]", "[{name: a, own: true}]", 6, "accounts[0].customers[0].own", "unknown key")));

INSTANTIATE_TEST_SUITE_P(
    BaseUrls, Problems,
    testing::Values(account("base_url: sendgrid.com", "base_url", "is no URL"),
                    account("base_url: ''", "base_url", "is no URL"),
                    account("base_url: 'https://send grid.com'", "base_url", "is no URL"),
                    account("base_url: ftp://sendgrid.com", "base_url", "must begin with https://"),
                    account("base_url: http://sendgrid.com", "base_url", "loopback addresses only"),
                    account("base_url: http://128.0.0.1", "base_url", "loopback addresses only"),
                    account("base_url: http://localhost.example.com", "base_url", "loopback addresses only"),
                    account("base_url: 'http://[::2]'", "base_url", "loopback addresses only"),
                    account("base_url: 'https:///path'", "base_url", "names no host"),
                    account("base_url: 'https:sendgrid.com'", "base_url", "names no host"),
                    account("base_url: https://me:SG.do-not-show-me@sendgrid.com", "base_url", "user or password"),
                    account("base_url: https://SG.do-not-show-me@127.0.0.1", "base_url", "user or password"),
                    account("base_url: 'https://sendgrid.com/?api_key=SG.do-not-show-me'", "base_url", "query"),
                    account("base_url: 'https://sendgrid.com/#x'", "base_url", "fragment"),
                    account("base_url: https://sendgrid.com:99999", "base_url", "port"),
                    account("base_url: 'https://sendgrid.com:'", "base_url", "port")));

INSTANTIATE_TEST_SUITE_P(
    Syntax, Problems,
    testing::Values(
        Case{"", 0, "accounts", "is missing"}, Case{"# nothing\n", 0, "accounts", "is missing"},
        Case{"just text\n", 0, "", "must be a mapping"}, Case{"- a\n", 0, "", "must be a mapping"},
        Case{"log: {}\n\tpolling: {}\n", 2, "", "a tab cannot indent"},
        Case{"log:\n\tlevel: info\n", 2, "", "a tab cannot indent"},
        Case{"log: {}\npolling: [1, 2\n", 3, "", "end of sequence flow"}, Case{"a: b: c\n", 1, "", "illegal map value"},
        Case{"log: {}\n? [a]\n: b\n", 2, "", "a key must be a word"},
        Case{"log: {}\n~: b\n", 2, "", "a key must be a word"},
        changed("{file: main.key}", "*SG.do-not-show-me", 5, "", "needs quotes"),
        changed("{file: main.key}", "@SG.do-not-show-me", 5, "", "needs quotes"),
        changed("{file: main.key}", "\"SG.do-not-show-me\\q\"", 5, "", "unknown escape character"),
        Case{std::string(100'000, '['), 1, "", ""}, Case{least + "---\nlog: {}\n", 7, "", "a second YAML document"},
        Case{least + "...\nlog: {}\n", 8, "", "a second YAML document"},
        Case{"log: {}\n# \xC3\x28\n", 2, "", "is not UTF-8"}, Case{"log: {}\n\xFE", 2, "", "is not UTF-8"},
        Case{"# \xED\xA0\x80\n", 1, "", "is not UTF-8"}, Case{"# \xC0\xAF\n", 1, "", "is not UTF-8"},
        Case{"# \xF4\x90\x80\x80\n", 1, "", "is not UTF-8"}, Case{"#\n# \xE2\x82", 2, "", "is not UTF-8"},
        // yaml-cpp takes this one for the end of the file.
        Case{"log: {}\n\x04", 2, "", "control character"}, Case{std::string("a\0b", 3), 1, "", "control character"}));

TEST_F(Problems, AllAreToldAtOnceInTheOrderOfTheLines) {
  write("customers.txt", "good\n\ngood\n");
  const auto all = problems(
      "log: {level: loud}\n"
      "polling:\n"
      "  every: 5x\n"
      "  evry: 5m\n"
      "accounts:\n"
      "  - name: main\n"
      "    key: SG.do-not-show-me\n"
      "    customers:\n"
      "      - a\n"
      "      - {name: b}\n"
      "      - {name: c, every: 1w}\n"
      "    customers_file: customers.txt\n"
      "database: {url: postgresql://me:SG.do-not-show-me@h/x, connections: 1}\n"
      "---\n");
  EXPECT_THAT(all, ElementsAre(is_problem(1, "log.level", "debug, info"), is_problem(3, "polling.every", "5x"),
                               is_problem(4, "polling.evry", "every?"), is_problem(6, "accounts[0].user", "is missing"),
                               is_problem(7, "accounts[0].key", "never written in this file"),
                               is_problem(11, "accounts[0].customers[2].every", "1w"),
                               is_problem(13, "database.connections", "from 2"), is_problem(14, "", "second"),
                               testing::AllOf(Field(&Problem::file, testing::EndsWith("customers.txt")),
                                              Field(&Problem::line, 3))));
}

TEST_F(Problems, AreOneLineEachInTheText) {
  const auto file = write("bounced.yaml", "log: {level: loud}\naccounts: []\nx: 1\n");
  try {
    config::load(file);
    FAIL();
  } catch (const Invalid& invalid) {
    EXPECT_EQ(std::string(invalid.what()),
              file.string() + ":1: log.level: is \"loud\"; write one of debug, info, warning, error\n" + file.string() +
                  ":2: accounts: is empty; list at least one account\n" + file.string() +
                  ":3: x: unknown key; the keys here are database, polling, deletions, retention, log, "
                  "classes_file, accounts, proxy");
  }
}

TEST_F(Problems, ThousandsAreToldInPart) {
  std::string names;
  for (int i = 0; i < 1000; ++i) names += "      - ' '\n";
  try {
    load("accounts:\n  - name: a\n    user: x\n    key: {file: main.key}\n    customers:\n" + names);
    FAIL();
  } catch (const Invalid& invalid) {
    const std::string text = invalid.what();
    EXPECT_EQ(invalid.problems().size(), 1000U);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 200);
    EXPECT_THAT(text, testing::EndsWith("\nand 800 problems more"));
  }
}

TEST_F(Problems, OfAFileThatCannotBeRead) {
  const auto problem_of = [&](const std::filesystem::path& file) { return problems_of(file).at(0).text(); };
  EXPECT_EQ(problem_of(dir() / "none.yaml"), (dir() / "none.yaml").string() + ": does not exist");
  EXPECT_EQ(problem_of(dir()), dir().string() + ": is a folder; name a file");
  ASSERT_EQ(mkfifo((dir() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(problem_of(dir() / "pipe"), HasSubstr("is a pipe or a device; name a file"));
  std::filesystem::create_symlink("loop.yaml", dir() / "loop.yaml");
  EXPECT_THAT(problem_of(dir() / "loop.yaml"), HasSubstr("loop.yaml: cannot be read: Too many"));
  const auto huge = write("huge.yaml", "");
  std::filesystem::resize_file(huge, 64 * 1024 * 1024 + 1);
  EXPECT_THAT(problem_of(huge), HasSubstr("larger than 64 MB"));
}

}  // namespace
}  // namespace bounced::config
