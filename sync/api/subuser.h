// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bounced::api {

// A customer of the account, as the API names it.
struct Subuser {
  std::string name;
  bool disabled = false;  // by the vendor or the account: it sends no mail

  bool operator==(const Subuser&) const = default;
};

}  // namespace bounced::api
