// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/config.h"

namespace bounced::config {

// One thing that is wrong in the configuration.
struct Problem {
  std::string file;
  int line = 0;         // from 1; 0 where the problem is the whole file
  std::string key;      // the path of the key, as "accounts[0].key.file"; empty where there is none
  std::string message;  // what is wrong and what would be right

  // "FILE:LINE: KEY: MESSAGE"
  [[nodiscard]] std::string text() const;
};

// All problems of a configuration at once.
class Invalid : public std::runtime_error {
 public:
  explicit Invalid(std::vector<Problem> problems);  // what(): their texts, one a line, of at most 200

  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }

 private:
  std::vector<Problem> problems_;
};

struct LoadOptions {
  // A systemd credential exists only inside the unit. Where $CREDENTIALS_DIRECTORY is not set and this is true, the
  // secret stays absent instead of being a problem.
  bool credentials_may_be_absent = false;
  // For those who need no API key, and may not be allowed to read any: all keys of accounts stay absent. The database's
  // password is read, but may be absent as if credentials_may_be_absent were true.
  bool keys_unread = false;
};

// Reads and checks the file, the keys and the customers files that it names. Relative paths in it are relative to it.
// Throws Invalid.
Config load(const std::filesystem::path& file, const LoadOptions& options = {});

}  // namespace bounced::config
