// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/section.h"

namespace bounced::config {

// Reads an account's `key`: where the API key is, and the API key itself. Nothing that stands under `key` is repeated
// in a problem, since it may be the API key by mistake; but for the path of a file that is there.
void read_key(Section& section, Account& account, Report& report, const LoadOptions& options);

}  // namespace bounced::config
