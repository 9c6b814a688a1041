// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bounced::db {

class Session;

struct AccountSettings {
  std::string name;
  std::string api;
  int daily_limit = 0;  // of deletions; 0: none
};

struct CustomerSettings {
  std::string name;
  std::string account;
  std::string time_zone;
  std::chrono::seconds every{};
  std::chrono::seconds full_every{};
  int recent_days = 0;
};

// What registering changed, for the log.
struct Registered {
  std::int64_t deactivated = 0;  // customers that are configured no longer
  int shifted = 0;               // customers whose times are read in another zone now
};

// What becomes of an active customer's row that says something else than the configuration.
enum class Existing {
  change,
  keep_if_others_live,  // change it only if no other daemon is alive: it may rely on the row
};

// Makes the configuration's accounts and customers those of the database, in one transaction: new ones come in, changed
// ones are changed (where the time zone is, their bounces' times are shifted), and customers that are not configured
// become inactive, unless another daemon is alive, which may have them.
Registered register_configuration(Session& session, std::int64_t daemon, const std::vector<AccountSettings>& accounts,
                                  const std::vector<CustomerSettings>& customers, Existing existing);

// Those of the names that PostgreSQL does not know as a time zone.
std::vector<std::string> unknown_time_zones(Session& session, const std::vector<std::string>& names);

}  // namespace bounced::db
