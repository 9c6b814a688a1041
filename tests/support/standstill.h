// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/cluster.h"

namespace bounced::test {

// Server processes stand still as long as this lives: those of the URL's database of which the condition on
// pg_stat_activity holds, at least one.
class Standstill {
 public:
  Standstill(const std::string& url, const std::string& condition) {
    std::istringstream pids(query_value(url,
                                        "select string_agg(pid::text, ' ') from pg_stat_activity where datname = "
                                        "current_database() and pid <> pg_backend_pid() and " +
                                            condition));
    for (pid_t pid = 0; pids >> pid;) pids_.push_back(pid);
    if (pids_.empty()) throw std::runtime_error("no server process where " + condition);
    signal(SIGSTOP);
  }
  ~Standstill() { signal(SIGCONT); }
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;

 private:
  void signal(int number) const {
    for (const pid_t pid : pids_) ::kill(pid, number);
  }
  std::vector<pid_t> pids_;
};

}  // namespace bounced::test
