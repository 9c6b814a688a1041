// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bounced::api {

// Where the last page begins, by a Link header (RFC 8288): the number in offset= of the link whose rel is "last".
// Nothing where it does not say so.
std::optional<std::uint64_t> last_offset(std::string_view link);

}  // namespace bounced::api
