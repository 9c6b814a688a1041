// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/paging.h"

#include <charconv>
#include <string>

namespace bounced::api {
namespace {

std::optional<std::uint64_t> offset_in(std::string_view target) {
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

bool has_rel(std::string_view parameters, const std::string& rel) {
  return parameters.find("rel=\"" + rel + "\"") != parameters.npos || parameters.find("rel=" + rel) != parameters.npos;
}

}  // namespace

PageLinks read_page_links(std::string_view link) {
  // <https://…?limit=500&offset=1000>; rel="last"; title="3", <…>; …
  PageLinks links;
  while (true) {
    const auto open = link.find('<');
    const auto close = link.find('>', open);
    if (open == link.npos || close == link.npos) return links;
    const std::string_view target = link.substr(open + 1, close - open - 1);
    link.remove_prefix(close + 1);
    const std::string_view parameters = link.substr(0, link.find('<'));
    if (has_rel(parameters, "next")) links.next = offset_in(target);
    if (has_rel(parameters, "last")) links.last = offset_in(target);
  }
}

}  // namespace bounced::api
