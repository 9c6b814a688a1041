// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/config.h"
#include "daemon/findings.h"

namespace bounced::daemon {

// Asks the API for the beginning of every customer's list.
void check_api(const config::Config& config, const std::filesystem::path& config_file, Findings& findings);

}  // namespace bounced::daemon
