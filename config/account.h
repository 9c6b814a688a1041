// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace bounced::config {

// Each call at the API holds a connection. Polls and deletions together stay below the 1024 files that a process may
// have open where nobody raised that.
inline constexpr int most_concurrent = 500;

// Reads `accounts`.
std::vector<Account> read_accounts(Section& root, const Schedule& inherited, Report& report,
                                   const LoadOptions& options);

}  // namespace bounced::config
