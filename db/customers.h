// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
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
  std::string time_zone;  // in which times of lists are read; empty: they are instants
  std::chrono::seconds every{};
  std::chrono::seconds full_every{};
  int recent_days = 0;
};

// A customer that another live daemon polls by a row that says something else than this configuration.
struct Disagreement {
  int customer_id = 0;
  std::string customer;
  std::string what;  // for people
};

// What came of a registration, for the log.
struct Registered {
  std::int64_t deactivated = 0;  // customers that no live daemon has in its configuration any more
  int shifted = 0;               // customers whose times are read in another zone now
  std::vector<Disagreement> disagreements;
};

// What becomes of an active customer's row that says something else than the configuration.
enum class Existing {
  change,             // somebody has just decided so: a start, a reload
  keep_if_relied_on,  // change it only if no other live daemon polls by it
};

// Makes the configuration's accounts and customers those of the database, and notes that this daemon has them, in one
// transaction: new ones come in, changed ones are changed (where the time zone is, their bounces' times are shifted),
// customers that no live daemon has become inactive, and times that a clock which was put back left in the future are
// mended. To be done at the start, at a reload, when another daemon has done so (NOTIFY bounced_customers), and now and
// then: other daemons come and go.
Registered register_configuration(Session& session, std::int64_t daemon, const std::vector<AccountSettings>& accounts,
                                  const std::vector<CustomerSettings>& customers, Existing existing);

// The active customers of these accounts, by account, in the order of their names.
std::map<std::string, std::vector<std::string>> known_customers(Session& session,
                                                                const std::vector<std::string>& accounts);

// Those of the names that PostgreSQL does not know as a time zone.
std::vector<std::string> unknown_time_zones(Session& session, const std::vector<std::string>& names);

}  // namespace bounced::db
