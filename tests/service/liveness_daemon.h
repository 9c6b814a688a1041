// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/service/liveness.h"
#include "tests/service/liveness_world.h"
#include "tests/support/process.h"

namespace bounced::test {

// The daemon of the liveness test, and what can be seen of it from outside.
class WatchedDaemon {
 public:
  WatchedDaemon(std::filesystem::path config, const Database& database)
      : config_(std::move(config)), database_(database) {}

  void start() { process_ = run("run"); }
  std::unique_ptr<Process> run(const std::string& command) const {
    const char* const other = std::getenv("BOUNCED_PROGRAM");
    return std::make_unique<Process>(
        std::vector<std::string>{other != nullptr ? other : BOUNCED_PROGRAM, command, "--config", config_.string()});
  }
  void reload() { process_->signal(SIGHUP); }
  // Nothing, or how it ended otherwise than well.
  std::string stop() {
    process_->signal(SIGTERM);
    const int code = process_->wait();
    return code == 0 ? "" : end_of(code);
  }

  // Call it often. Nothing that passes may end the daemon; if it ended, it is started again, as the service manager
  // would do it, and the end is noted.
  void look() {
    if (!process_->running()) {
      const int code = process_->wait();
      ends_.push_back(end_of(code));
      earlier_ += process_->stderr_text();
      start();
    }
    const Moment now = std::chrono::system_clock::now();
    if (now - sampled_ < std::chrono::milliseconds(500)) return;
    sampled_ = now;
    const std::string text = process_->stderr_text();
    lines_.sample(static_cast<double>(std::ranges::count(text, '\n')), now);
    sample_transactions(now);
    sample_cpu(now);
  }

  // How it ended where nobody asked it to.
  [[nodiscard]] const std::vector<std::string>& ends() const { return ends_; }
  // The most a second: lines of its log, transactions in its database (a few are the test's), seconds of CPU.
  [[nodiscard]] double lines() const { return lines_.most_a_second(); }
  [[nodiscard]] double transactions() const { return transactions_.most_a_second(); }
  [[nodiscard]] double cpu() const { return cpu_.most_a_second(); }
  [[nodiscard]] std::string log() const { return earlier_ + process_->stderr_text(); }
  [[nodiscard]] std::vector<std::string> lines_with(const std::string& expression) const {
    std::istringstream text(log());
    const std::regex wanted(expression);
    std::vector<std::string> found;
    for (std::string line; std::getline(text, line);) {
      if (std::regex_search(line, wanted)) found.push_back(line);
    }
    return found;
  }

 private:
  std::string end_of(int code) const {
    std::string text = process_->stderr_text();
    while (text.ends_with('\n')) text.pop_back();
    return fmt::format("exit code {}: {}", code, text.substr(text.rfind('\n') + 1));
  }

  void sample_transactions(Moment now) {
    try {
      const std::string count =
          query_value(database_.cluster.url(),
                      fmt::format("select xact_commit + xact_rollback from pg_stat_database where datname = '{}'",
                                  database_.name()));
      transactions_.sample(std::stod(count), now);
    } catch (const std::exception&) {  // it is away
    }
  }

  void sample_cpu(Moment now) {
    std::ifstream file(fmt::format("/proc/{}/stat", process_->pid()));
    const std::string stat((std::istreambuf_iterator<char>(file)), {});
    std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 2)));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    if (fields >> user >> system) cpu_.sample((user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)), now);
  }

  const std::filesystem::path config_;
  const Database& database_;
  std::unique_ptr<Process> process_;
  std::string earlier_;
  std::vector<std::string> ends_;
  Moment sampled_;
  Rate lines_{Seconds(10)}, transactions_{Seconds(5)}, cpu_{Seconds(5)};
};

}  // namespace bounced::test
