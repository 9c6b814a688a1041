// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"

namespace bounced::config {

// Collects the problems of a configuration, so that all are told at once.
class Report {
 public:
  explicit Report(const std::filesystem::path& main_file) : main_file_(main_file.string()) {}

  // Relative paths in the main file are relative to it.
  [[nodiscard]] std::filesystem::path resolve(const std::filesystem::path& path) const {
    return std::filesystem::path(main_file_).parent_path() / path;
  }
  [[nodiscard]] const std::string& main_file() const { return main_file_; }

  void add(int line, std::string key, std::string message) {
    add_in(main_file_, line, std::move(key), std::move(message));
  }
  // A problem in another file, one that the main file names.
  void add_in(std::string file, int line, std::string key, std::string message) {
    problems_.push_back({std::move(file), line, std::move(key), std::move(message)});
  }

  [[nodiscard]] bool empty() const { return problems_.empty(); }

  // Throws Invalid with the problems in the order of their lines, those of the main file first.
  [[noreturn]] void raise();

 private:
  std::string main_file_;
  std::vector<Problem> problems_;
};

}  // namespace bounced::config
