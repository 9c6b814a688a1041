// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bounced::api {

// What a Link header (RFC 8288) says of a list's pages. Servers count pages in their own way, leave links out or give
// them always: only a hint.
struct PageLinks {
  std::optional<std::uint64_t> next = std::nullopt;  // the number in offset= of the link whose rel is "next"
  std::optional<std::uint64_t> last = std::nullopt;
};
PageLinks read_page_links(std::string_view link);

}  // namespace bounced::api
