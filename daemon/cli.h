// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace bounced::daemon {

struct RunOptions {
  bool migrate = true;
};
struct SyncOptions {
  std::vector<std::string> customers;  // none: all
  // Longer than any sync that goes well, so that one which nobody watches comes to an end.
  std::chrono::seconds timeout = std::chrono::hours(24);
};
struct CheckOptions {
  bool offline = false;
};
struct MigrateOptions {
  bool print = false;
};
struct StatusOptions {
  bool queue = false;
  bool json = false;
  bool check = false;
};
struct WhyOptions {
  std::string address;
  bool json = false;
};
// --help and --version.
struct ShowText {
  std::string text;
};

struct Arguments {
  std::filesystem::path config = "/etc/bounced/bounced.yaml";
  std::variant<RunOptions, SyncOptions, CheckOptions, MigrateOptions, StatusOptions, WhyOptions, ShowText> command;
};

// Throws MustChange where they are wrong.
Arguments parse_arguments(int argc, const char* const* argv);

}  // namespace bounced::daemon
