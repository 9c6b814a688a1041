// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "daemon/errors.h"

namespace bounced::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Arguments parse(std::vector<const char*> words) {
  words.insert(words.begin(), "bounced");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

std::string refusal(std::vector<const char*> words) {
  try {
    parse(std::move(words));
  } catch (const MustChange& error) {
    return error.what();
  }
  return "accepted";
}

std::string shown(std::vector<const char*> words) {
  return std::get<ShowText>(parse(std::move(words)).command).text;
}

TEST(Cli, EveryCommandHasItsDefaults) {
  EXPECT_TRUE(std::get<RunOptions>(parse({"run"}).command).migrate);
  EXPECT_TRUE(std::get<SyncOptions>(parse({"sync"}).command).customers.empty());
  EXPECT_FALSE(std::get<CheckOptions>(parse({"check"}).command).offline);
  EXPECT_FALSE(std::get<MigrateOptions>(parse({"migrate"}).command).print);
  EXPECT_FALSE(std::get<StatusOptions>(parse({"status"}).command).json);
  EXPECT_FALSE(std::get<StatusOptions>(parse({"status"}).command).check);
  EXPECT_EQ(parse({"run"}).config, "/etc/bounced/bounced.yaml");
}

TEST(Cli, EveryCommandHasItsOptions) {
  EXPECT_FALSE(std::get<RunOptions>(parse({"run", "--no-migrate"}).command).migrate);
  EXPECT_THAT(std::get<SyncOptions>(parse({"sync", "a@x.com", "b@x.com"}).command).customers,
              ElementsAre("a@x.com", "b@x.com"));
  EXPECT_EQ(std::get<SyncOptions>(parse({"sync", "--timeout", "5m", "a@x.com"}).command).timeout,
            std::chrono::minutes(5));
  EXPECT_EQ(std::get<SyncOptions>(parse({"sync"}).command).timeout, std::chrono::hours(24));
  EXPECT_GT(std::get<SyncOptions>(parse({"sync", "--timeout=106751991167300d"}).command).timeout,
            std::chrono::hours(24));
  EXPECT_TRUE(std::get<CheckOptions>(parse({"check", "--offline"}).command).offline);
  EXPECT_TRUE(std::get<MigrateOptions>(parse({"migrate", "--print"}).command).print);
  EXPECT_TRUE(std::get<StatusOptions>(parse({"status", "--json"}).command).json);
  EXPECT_TRUE(std::get<StatusOptions>(parse({"status", "--check"}).command).check);
}

TEST(Cli, TheConfigurationIsTakenBeforeAndAfterTheCommand) {
  EXPECT_EQ(parse({"--config", "a.yaml", "run"}).config, "a.yaml");
  EXPECT_EQ(parse({"run", "--config", "a.yaml"}).config, "a.yaml");
  const Arguments sync = parse({"sync", "a@x.com", "--config=a.yaml", "b@x.com"});
  EXPECT_EQ(sync.config, "a.yaml");
  EXPECT_THAT(std::get<SyncOptions>(sync.command).customers, ElementsAre("a@x.com", "b@x.com"));
}

TEST(Cli, HelpIsShownWithAnExample) {
  const std::string help = shown({"--help"});
  for (const char* command : {"run", "sync", "check", "migrate", "status"}) {
    EXPECT_THAT(help, HasSubstr(command));
    EXPECT_THAT(shown({command, "--help"}), HasSubstr(std::string("Example: bounced ") + command));
  }
  EXPECT_THAT(shown({"run", "--help"}), HasSubstr("--no-migrate"));
}

TEST(Cli, TheVersionIsShown) {
  EXPECT_EQ(shown({"--version"}), "bounced " BOUNCED_VERSION "\n");
}

TEST(Cli, WhatIsWrongIsRefusedWithAHint) {
  EXPECT_THAT(refusal({}), HasSubstr("--help"));
  EXPECT_THAT(refusal({"walk"}), HasSubstr("--help"));
  EXPECT_THAT(refusal({"run", "--json"}), HasSubstr("--json"));
  EXPECT_THAT(refusal({"run", "extra"}), HasSubstr("extra"));
  EXPECT_THAT(refusal({"sync", "--timeout", "5"}), HasSubstr("--timeout: \"5\" is no duration"));
  EXPECT_THAT(refusal({"sync", "--timeout", "0s"}), HasSubstr("1s at least"));
  EXPECT_THAT(refusal({"status", "--check", "--json"}), HasSubstr("--check"));
  EXPECT_THAT(refusal({"run", "status"}), HasSubstr("--help"));
  EXPECT_THAT(refusal({"run", "--config"}), HasSubstr("--config"));
}

}  // namespace
}  // namespace bounced::daemon
