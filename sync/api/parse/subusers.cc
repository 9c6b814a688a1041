// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/subusers.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace bounced::api {
namespace {

// It goes into a header of requests, and into the database.
bool may_be_name(std::string_view text) {
  constexpr std::size_t longest = 1000;  // as in the configuration
  return !text.empty() && text.size() <= longest &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

}  // namespace

std::optional<std::vector<Subuser>> read_subusers(std::string_view body) {
  boost::json::error_code error;
  const boost::json::value document = boost::json::parse({body.data(), body.size()}, error);
  if (error || !document.is_array()) return std::nullopt;
  std::vector<Subuser> subusers;
  for (const boost::json::value& entry : document.get_array()) {
    if (!entry.is_object()) return std::nullopt;
    const boost::json::value* name = entry.get_object().if_contains("username");
    if (name == nullptr || !name->is_string()) return std::nullopt;
    const boost::json::value* disabled = entry.get_object().if_contains("disabled");
    subusers.push_back({.name = std::string(name->get_string()),
                        .disabled = disabled != nullptr && disabled->is_bool() && disabled->get_bool(),
                        .unusable = !may_be_name(name->get_string())});
  }
  return subusers;
}

}  // namespace bounced::api
