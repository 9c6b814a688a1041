// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulator/simulator.h"
#include "tests/support/cluster.h"
#include "tests/support/counts.h"
#include "tests/support/process.h"
#include "tests/support/run.h"
#include "tests/support/temp_dir.h"

namespace bounced::test {

// What a program left when it had ended.
struct Ended {
  int code;
  std::string out;
  std::string err;
};

// How a failed test shows it.
inline void PrintTo(const Ended& ended, std::ostream* out) {
  *out << "exit code " << ended.code << "\nstdout:\n" << ended.out << "stderr:\n" << ended.err;
}

inline auto ended_with(int code) {
  return testing::Field("code", &Ended::code, code);
}
inline auto out_has(const std::string& piece) {
  return testing::Field("out", &Ended::out, testing::HasSubstr(piece));
}
inline auto err_has(const std::string& piece) {
  return testing::Field("err", &Ended::err, testing::HasSubstr(piece));
}

// What a configuration says, besides where the database and the API are.
struct Settings {
  std::string customers = "[a@example.com]";
  std::string account = {};  // more lines of the account
  std::string rate_limit = "0";
  std::string top = "polling: {every: 1h}";  // more lines at the top level
  std::string log = "{level: debug, format: text}";
};

// The program with a database, a simulator and a configuration of its own. Nothing it says may show the key.
class Service : public testing::Test {
 protected:
  static constexpr const char* key = "secret-key-of-tests";

  explicit Service(std::string url = Cluster::shared().create_database(Cluster::Schema::none)) : url_(std::move(url)) {
    write_key("main.key", key);
    api.add("a@example.com", {.email = "x@example.org"});
  }

  void TearDown() override { expect_right_counts(url_); }

  void write_key(const std::string& name, const std::string& text) const {
    using std::filesystem::perms;
    std::filesystem::permissions(dir.write(name, text), perms::owner_read | perms::owner_write);
  }

  std::string config_text(const Settings& settings = {}) const {
    return fmt::format(
        "database: {{url: \"{}\"}}\n{}\nlog: {}\n"
        "accounts:\n"
        "  - name: main\n    user: user\n    key: {{file: main.key}}\n    base_url: {}\n    ca_file: {}\n"
        "    time_zone: UTC\n    rate_limit: {}\n    customers: {}\n    {}\n",
        daemon_url(), settings.top, settings.log, api.base_url(), api.ca_file(), settings.rate_limit,
        settings.customers, settings.account);
  }
  void configure(const Settings& settings = {}) { dir.write("bounced.yaml", config_text(settings)); }
  std::string config_file() const { return (dir.path() / "bounced.yaml").string(); }

  // `bounced ARGUMENTS --config FILE`
  std::unique_ptr<Process> start(std::vector<std::string> arguments,
                                 std::map<std::string, std::string> environment = {}) const {
    arguments.insert(arguments.begin(), BOUNCED_PROGRAM);
    arguments.insert(arguments.end(), {"--config", config_file()});
    return std::make_unique<Process>(arguments,
                                     Process::Options{.environment = std::move(environment), .user = {}, .folder = {}});
  }
  static Ended end(Process& process) {
    const int code = process.wait();
    Ended ended{code, process.stdout_text(), process.stderr_text()};
    EXPECT_THAT(ended.out, testing::Not(testing::HasSubstr(key)));
    EXPECT_THAT(ended.err, testing::Not(testing::HasSubstr(key)));
    return ended;
  }
  Ended run(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) const {
    return end(*start(std::move(arguments), std::move(environment)));
  }
  // Ends a daemon by a signal, which must be its good end.
  static Ended stop(Process& daemon, int signal = SIGTERM) {
    daemon.signal(signal);
    Ended ended = end(daemon);
    EXPECT_THAT(ended, ended_with(0));
    return ended;
  }

  std::string value(const std::string& sql) const { return query_value(url_, sql); }
  std::string current_bounces() const { return value("select count(*) from bounced.current_bounces"); }
  // The program's database: for the superuser, as who the tests look and meddle, and for the program.
  const std::string& url() const { return url_; }
  std::string daemon_url() const { return as_bounced(url_); }

  TempDir dir;
  simulator::Simulator api;

 private:
  std::string url_;
};

}  // namespace bounced::test
