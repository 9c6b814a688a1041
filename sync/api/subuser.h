// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bounced::api {

// A customer of the account, as the API names it.
struct Subuser {
  std::string name;
  bool disabled = false;  // by the vendor or the account: it sends no mail
  // It cannot be a customer here: its name is too long for a header, or has control characters, or is none.
  bool unusable = false;

  bool operator==(const Subuser&) const = default;
};

}  // namespace bounced::api
