// SPDX-License-Identifier: Apache-2.0
// What the README shows runs.
#include <fstream>
#include <sstream>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

std::vector<std::string> blocks_of(const std::string& language) {
  std::ifstream in(BOUNCED_README);
  std::ostringstream text;
  text << in.rdbuf();
  const std::string readme = text.str();
  std::vector<std::string> blocks;
  const std::string fence = "```";
  std::size_t at = 0;
  while ((at = readme.find(fence + language + "\n", at)) != std::string::npos) {
    const std::size_t begin = readme.find('\n', at) + 1;
    const std::size_t end = readme.find(fence, begin);
    blocks.push_back(readme.substr(begin, end - begin));
    at = end + fence.size();
  }
  return blocks;
}

class Readme : public Service {};

TEST_F(Readme, EveryStatementRuns) {
  api.add_customer("customer@example.com");
  api.add("customer@example.com", {.email = "someone@example.com"});
  configure({.customers = "[customer@example.com]"});
  ASSERT_THAT(run({"sync"}), ended_with(0));
  const auto statements = blocks_of("sql");
  EXPECT_GE(statements.size(), 8U);
  for (const std::string& statement : statements) EXPECT_NO_THROW(query(url(), statement)) << statement;
  execute(url(), "drop owned by bounced_reader; drop role bounced_reader");
}

TEST_F(Readme, TheConfigurationLoads) {
  const auto configurations = blocks_of("yaml");
  ASSERT_EQ(configurations.size(), 1U);
  // It stands indented in a numbered list.
  std::istringstream lines(configurations[0]);
  std::string text;
  for (std::string line; std::getline(lines, line);) text += line.substr(std::min<std::size_t>(3, line.size())) + "\n";
  dir.write("bounced.yaml", text);
  EXPECT_THAT(run({"check", "--offline"}), ended_with(0));
}

}  // namespace
}  // namespace bounced::test
