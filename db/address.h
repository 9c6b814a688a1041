// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "classify/classifier.h"

namespace bounced::db {

class Session;

// Times are as "2024-05-06T07:08:09Z".

struct AddressBounce {
  std::string customer;
  std::string account;
  bool active = true;  // the customer
  std::string email;
  std::string status;
  std::string reason;
  classify::BounceClass bounce_class{};
  int nth = 1;                             // which bounce of the address on this list
  std::optional<std::string> again_after;  // what had become of the one before
  std::optional<std::string> bounced_at;
  std::string first_seen_at;
  std::string last_seen_at;
  std::optional<std::string> gone_at;  // none: it is on the list
  std::optional<std::string> gone_because;
};

struct AddressRequest {
  std::int64_t id = 0;
  std::string customer;
  std::string email;
  std::string state;
  std::optional<std::string> outcome;
  std::string requested_by;
  std::optional<std::string> note;
  std::optional<std::string> last_error;
  std::string requested_at;
  std::optional<std::string> finished_at;
};

struct AddressHistory {
  std::vector<AddressBounce> bounces;    // by customer; what is on the list first, then the latest
  std::vector<AddressRequest> requests;  // by customer, the latest first
};

// What the database has of the address, in the spellings given.
AddressHistory address_history(Session& session, const std::vector<std::string>& spellings);

}  // namespace bounced::db
