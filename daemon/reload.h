// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "config/config.h"
#include "daemon/log.h"

namespace bounced::daemon {

// Reads the configuration once more. Where it has problems, logs each and returns nothing; where it changes what only a
// restart can change, says so.
std::optional<config::Config> read_again(const std::filesystem::path& file, const config::Config& current, Log& log);

}  // namespace bounced::daemon
