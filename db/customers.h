// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "classify/classifier.h"

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

  bool operator==(const CustomerSettings&) const = default;
};

// A customer that another live daemon polls by a row that says something else than this configuration.
struct Disagreement {
  int customer_id = 0;
  std::string customer;
  std::string what;  // for people
};

// What a configuration says. Never changed once it is shared with the threads of the database.
struct Configured {
  std::vector<AccountSettings> accounts;
  std::vector<CustomerSettings> customers;
  std::shared_ptr<const classify::Classifier> classifier = classify::built_in();  // never null
};

// A row that is to say what the configuration says, and takes longer: its times must be moved to another zone, or
// somebody has it locked.
struct CustomerChange {
  int customer_id = 0;
  CustomerSettings settings;
};

// What came of a registration.
struct Registered {
  std::int64_t deactivated = 0;  // customers that no live daemon has in its configuration any more
  std::vector<Disagreement> disagreements;
  std::vector<CustomerChange> later;  // to be made by change_customer()
  // False: some could not be made inactive, since somebody has them locked, or this daemon may be taken for dead.
  bool complete = true;
  std::string state;  // registration_state() after it
};

// What becomes of an active customer's row that says something else than the configuration.
enum class Existing {
  change,             // somebody has just decided so: a start, a reload
  keep_if_relied_on,  // change it only if no other live daemon polls by it
};

// Makes the configuration's accounts and customers those of the database, and notes that this daemon has them: new ones
// come in, changed ones are changed, customers that no live daemon has become inactive, and times that a clock which
// was put back left in the future are mended. Waits for no merge and for no call. Throws Conflict, and names who is in
// the way, where another session registers for seconds. To be done at the start, at a reload, when the
// registration_state() is another one, and now and then: people may edit rows.
Registered register_configuration(Session& session, std::int64_t daemon, const Configured& configured,
                                  Existing existing);

// Who is alive, and what they have changed so far. While it is the same, so is what a registration would find.
std::string registration_state(Session& session);

// Makes one row say what the configuration says; where the time zone is another one, moves the times of its bounces.
// Returns whether there were any to move. Waits for a merge of the customer's list for some seconds, then throws
// Conflict.
bool change_customer(Session& session, std::int64_t daemon, const CustomerChange& change);

// Makes due what waits for a time that a clock which was put back left far in the future.
void mend_times(Session& session);

// The active customers of these accounts, by account, in the order of their names.
std::map<std::string, std::vector<std::string>> known_customers(Session& session,
                                                                const std::vector<std::string>& accounts);

// Those of the names that PostgreSQL does not know as a time zone.
std::vector<std::string> unknown_time_zones(Session& session, const std::vector<std::string>& names);

}  // namespace bounced::db
