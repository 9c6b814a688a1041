// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/paging.h"

#include <charconv>
#include <string>

namespace bounced::api {

std::optional<std::uint64_t> last_offset(std::string_view link) {
  // <https://…?limit=500&offset=1000>; rel="last"; title="3", <…>; …
  while (true) {
    const auto open = link.find('<');
    const auto close = link.find('>', open);
    if (open == link.npos || close == link.npos) return std::nullopt;
    const std::string_view target = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const std::string_view parameters = link.substr(0, link.find('<'));
    if (parameters.find("rel=\"last\"") == parameters.npos && parameters.find("rel=last") == parameters.npos) continue;
    for (const char before : {'?', '&'}) {
      const std::string key = std::string(1, before) + "offset=";
      const auto found = target.find(key);
      if (found == target.npos) continue;
      std::uint64_t offset = 0;
      const char* const begin = target.data() + found + key.size();
      const auto [end, error] = std::from_chars(begin, target.data() + target.size(), offset);
      if (error == std::errc{} && end != begin) return offset;
    }
    return std::nullopt;
  }
}

}  // namespace bounced::api
