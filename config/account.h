// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace bounced::config {

// Each call at the API holds a connection. Polls and deletions together stay below the 1024 files that a process may
// have open where nobody raised that.
inline constexpr int most_concurrent = 500;

// Reads `daily_limit`, of deletions or of an account's deletions.
void read_daily_limit(Section& section, int& limit);

// Reads `accounts`. What they do not say themselves is as in `defaults`.
std::vector<Account> read_accounts(Section& root, const Config& defaults, Report& report, const LoadOptions& options);

}  // namespace bounced::config
