// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "daemon/cli.h"

// The commands. Each returns the exit code; what it throws, main() tells.
namespace bounced::daemon {

int run(const std::filesystem::path& config_file, const RunOptions& options);
int sync(const std::filesystem::path& config_file, const SyncOptions& options);
int check(const std::filesystem::path& config_file, const CheckOptions& options);
int migrate(const std::filesystem::path& config_file, const MigrateOptions& options);
int status(const std::filesystem::path& config_file, const StatusOptions& options);
int why(const std::filesystem::path& config_file, const WhyOptions& options);

}  // namespace bounced::daemon
