// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "sync/api/subuser.h"

namespace bounced::api {

// Reads a page of v3's /v3/subusers, whole. Nothing: it is something else, or an entry has no name
// that can be one.
std::optional<std::vector<Subuser>> read_subusers(std::string_view body);

}  // namespace bounced::api
