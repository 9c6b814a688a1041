// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace bounced::api {

// What the API did with an address that it was asked to take off a list.
enum class Removed {
  deleted,
  not_listed,  // it was not on the list
};

// Reads the answer of v2 to a deletion, whole. Nothing: it is an error, or nothing that is understood; classify() says
// what. The words alone do not do: errors come with any status, and pages may say anything.
std::optional<Removed> read_removal(int http_status, std::string_view body);

}  // namespace bounced::api
