// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/subusers.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace bounced::api {

std::optional<std::vector<Subuser>> read_subusers(std::string_view body) {
  boost::json::error_code error;
  const boost::json::value document = boost::json::parse({body.data(), body.size()}, error);
  if (error || !document.is_array()) return std::nullopt;
  std::vector<Subuser> subusers;
  for (const boost::json::value& entry : document.get_array()) {
    if (!entry.is_object()) return std::nullopt;
    const boost::json::value* name = entry.get_object().if_contains("username");
    if (name == nullptr || !name->is_string() || name->get_string().empty()) return std::nullopt;
    const boost::json::value* disabled = entry.get_object().if_contains("disabled");
    subusers.push_back({.name = std::string(name->get_string()),
                        .disabled = disabled != nullptr && disabled->is_bool() && disabled->get_bool()});
  }
  return subusers;
}

}  // namespace bounced::api
