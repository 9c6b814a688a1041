// SPDX-License-Identifier: Apache-2.0
#include "db/customers.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

// The configuration's customers as the arrays that queries take.
struct CustomerColumns {
  explicit CustomerColumns(const std::vector<CustomerSettings>& customers) {
    for (const CustomerSettings& customer : customers) {
      names.push_back(customer.name);
      accounts.push_back(customer.account);
      zones.push_back(customer.time_zone);
      every.push_back(customer.every.count());
      full_every.push_back(customer.full_every.count());
      recent_days.push_back(customer.recent_days);
    }
  }

  std::vector<std::string> names, accounts, zones;
  std::vector<std::int64_t> every, full_every;
  std::vector<int> recent_days;
};

// Registrations of several daemons come one after the other: each relies on what the others have said.
void lock_registration(pqxx::work& tx) {
  exec(tx, "select pg_advisory_xact_lock(hashtext('bounced.customers'))");
}

std::vector<std::string> register_accounts(pqxx::work& tx, std::int64_t daemon,
                                           const std::vector<AccountSettings>& accounts, Existing existing) {
  std::vector<std::string> names, apis;
  std::vector<std::optional<int>> daily_limits;
  for (const AccountSettings& account : accounts) {
    names.push_back(account.name);
    apis.push_back(account.api);
    daily_limits.push_back(account.daily_limit > 0 ? std::optional(account.daily_limit) : std::nullopt);
  }
  exec(tx, sql::register_accounts, names, apis, daily_limits, daemon, existing == Existing::change);
  return names;
}

// A customer whose row may be made to say what the configuration says.
struct Change {
  int customer_id;
  std::string old_zone;
  std::string new_zone;
};

// In the order customers, mirror, as everywhere.
void change_customers(pqxx::work& tx, const CustomerColumns& customers, const std::vector<Change>& changes,
                      Registered& registered) {
  if (changes.empty()) return;
  std::vector<int> ids;
  for (const Change& change : changes) ids.push_back(change.customer_id);
  exec(tx, sql::change_customers, ids, customers.names, customers.accounts, customers.zones, customers.every,
       customers.full_every, customers.recent_days);
  for (const Change& change : changes) {
    // Before there was a zone, the times needed none.
    if (change.old_zone.empty() || change.old_zone == change.new_zone) continue;
    exec(tx, sql::shift_time_zone, change.customer_id, change.old_zone, change.new_zone);
    exec(tx, sql::recount, change.customer_id);  // rows may have met
    ++registered.shifted;
  }
}

}  // namespace

Registered register_configuration(Session& session, std::int64_t daemon, const std::vector<AccountSettings>& accounts,
                                  const std::vector<CustomerSettings>& customers, Existing existing) {
  const CustomerColumns all(customers);
  return session.in_transaction([&](pqxx::work& tx) {
    Registered registered;
    lock_registration(tx);
    const std::vector<std::string> account_names = register_accounts(tx, daemon, accounts, existing);
    exec(tx, sql::add_customers, all.names, all.accounts, all.zones, all.every, all.full_every, all.recent_days);
    std::vector<Change> changes;
    std::vector<int> disagrees;
    for (const auto& row : exec(tx, sql::differing_customers, all.names, all.accounts, all.zones, all.every,
                                all.full_every, all.recent_days, daemon, existing == Existing::change)) {
      const int customer_id = row[0].as<int>();
      if (row[4].as<bool>()) {
        changes.push_back({customer_id, row[2].as<std::string>(), row[3].as<std::string>()});
      } else {
        disagrees.push_back(customer_id);
        registered.disagreements.push_back({customer_id, row[1].as<std::string>(), row[5].as<std::string>()});
      }
    }
    change_customers(tx, all, changes, registered);
    const bool said_something_new =
        exec(tx, sql::note_configured, daemon, account_names, all.names, disagrees).affected_rows() > 0;
    if (said_something_new || !changes.empty()) exec(tx, "select pg_notify('bounced_customers', '')");
    registered.deactivated = static_cast<std::int64_t>(exec(tx, sql::deactivate_customers).affected_rows());
    exec(tx, sql::mend_times);
    return registered;
  });
}

std::map<std::string, std::vector<std::string>> known_customers(Session& session,
                                                                const std::vector<std::string>& accounts) {
  return session.in_transaction([&](pqxx::work& tx) {
    std::map<std::string, std::vector<std::string>> known;
    for (const std::string& account : accounts) known[account];
    const char* const query =
        "select account, name from bounced.customers where active and account = any ($1) order by 2";
    for (const auto& row : exec(tx, query, accounts)) {
      known[row[0].as<std::string>()].push_back(row[1].as<std::string>());
    }
    return known;
  });
}

std::vector<std::string> unknown_time_zones(Session& session, const std::vector<std::string>& names) {
  return session.in_transaction([&](pqxx::work& tx) {
    std::vector<std::string> unknown;
    for (const auto& row : exec(tx, sql::unknown_time_zones, names)) unknown.push_back(row[0].as<std::string>());
    return unknown;
  });
}

}  // namespace bounced::db
