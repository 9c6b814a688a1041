// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>

#include "daemon/text.h"

namespace bounced::daemon {

// What `check` finds, a line each as it is found.
class Findings {
 public:
  void ok(const std::string& what) { print("ok", what); }
  void warning(const std::string& what) { print("warning", what); }
  void not_checked(const std::string& what) { print("not checked here", what); }
  // `what` says what to do about it.
  void failed(const std::string& what) {
    print("FAILED", what);
    ++failures_;
  }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  static void print(const char* finding, const std::string& what) {
    fmt::print("{:<17} {}\n", finding, printable(what));
    std::fflush(stdout);  // who waits for a long check wants to see it
  }

  int failures_ = 0;
};

}  // namespace bounced::daemon
