// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "tests/support/temp_dir.h"

namespace bounced::test {

// The key in main.key, which no problem may show.
inline constexpr std::string_view secret = "SG.do-not-show-me";

// The least that can be loaded: six lines; more lines of the account may follow.
inline const std::string least =
    "# line 1\n"
    "accounts:\n"
    "  - name: main\n"
    "    user: reseller\n"
    "    key: {file: main.key}\n"
    "    customers: [one@example.com]\n";

// A configuration in a folder of its own, with a good key beside it.
class ConfigFiles : public testing::Test {
 protected:
  ConfigFiles() { write_key("main.key", std::string(secret) + '\n'); }

  std::filesystem::path write(const std::string& name, std::string_view text) const { return dir_.write(name, text); }

  void write_key(const std::string& name, std::string_view text) const {
    using std::filesystem::perms;
    std::filesystem::permissions(write(name, text), perms::owner_read | perms::owner_write | perms::group_read);
  }

  config::Config load(std::string_view yaml, const config::LoadOptions& options = {}) const {
    return config::load(write("bounced.yaml", yaml), options);
  }

  // Of a configuration that cannot be loaded. Checks of each that it shows no secret.
  std::vector<config::Problem> problems_of(const std::filesystem::path& file,
                                           const config::LoadOptions& options = {}) const {
    try {
      config::load(file, options);
    } catch (const config::Invalid& invalid) {
      EXPECT_THAT(invalid.what(), testing::Not(testing::HasSubstr(secret)));
      return invalid.problems();
    }
    ADD_FAILURE() << "the configuration was accepted";
    return {};
  }
  std::vector<config::Problem> problems(std::string_view yaml, const config::LoadOptions& options = {}) const {
    return problems_of(write("bounced.yaml", yaml), options);
  }

  const std::filesystem::path& dir() const { return dir_.path(); }

 private:
  TempDir dir_;
};

// A problem of the main file.
inline auto is_problem(int line, const std::string& key, const std::string& piece) {
  using config::Problem;
  using testing::Field;
  return testing::AllOf(Field("file", &Problem::file, testing::EndsWith("/bounced.yaml")),
                        Field("line", &Problem::line, line), Field("key", &Problem::key, key),
                        Field("message", &Problem::message, testing::HasSubstr(piece)));
}

}  // namespace bounced::test

namespace bounced::config {

// How a failed test shows one.
inline void PrintTo(const Problem& problem, std::ostream* out) {
  *out << problem.text();
}

}  // namespace bounced::config
