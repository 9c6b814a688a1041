// SPDX-License-Identifier: Apache-2.0
#include "db/customers.h"

#include <map>
#include <optional>
#include <set>

#include "db/classification.h"
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

// Others compare anew when they see the number, and this word wakes them.
void note_registration(pqxx::work& tx, std::int64_t daemon) {
  exec(tx, "update bounced.daemons set registrations = registrations + 1 where daemon_id = $1", daemon);
  exec(tx, "select pg_notify('bounced_customers', '')");
}

// Registrations of several daemons come one after the other: each relies on what the others have said. The lock is on a
// row that only daemons may lock.
void lock_registration(pqxx::work& tx) {
  exec(tx, "set local lock_timeout = '3s'");
  exec(tx, "select from bounced.server for no key update");
}

void register_accounts(pqxx::work& tx, std::int64_t daemon, const std::vector<AccountSettings>& accounts,
                       Existing existing) {
  std::vector<std::string> names, apis;
  std::vector<std::optional<int>> daily_limits;
  for (const AccountSettings& account : accounts) {
    names.push_back(account.name);
    apis.push_back(account.api);
    daily_limits.push_back(account.daily_limit > 0 ? std::optional(account.daily_limit) : std::nullopt);
  }
  exec(tx, sql::register_accounts, names, apis, daily_limits, daemon, existing == Existing::change);
}

// Rows that may be made to say what the configuration says: those that nobody has locked, and whose times need not be
// moved, at once. Returns the others.
std::vector<CustomerChange> change_at_once(pqxx::work& tx, const CustomerColumns& columns,
                                           const std::vector<CustomerSettings>& customers,
                                           const std::map<int, std::string>& may_change,
                                           const std::vector<int>& same_zone) {
  std::set<int> changed;
  if (!same_zone.empty()) {
    const auto locked = exec(tx, sql::lock_customers, same_zone);
    for (const auto& row : locked) changed.insert(row[0].as<int>());
    exec(tx, sql::change_customers, changed, columns.names, columns.accounts, columns.zones, columns.every,
         columns.full_every, columns.recent_days);
  }
  std::map<std::string, const CustomerSettings*> by_name;
  if (changed.size() < may_change.size()) {
    for (const CustomerSettings& customer : customers) by_name[customer.name] = &customer;
  }
  std::vector<CustomerChange> later;
  for (const auto& [id, name] : may_change) {
    if (!changed.contains(id)) later.push_back({id, *by_name.at(name)});
  }
  return later;
}

Registered register_customers(pqxx::work& tx, std::int64_t daemon, const Configured& configured, Existing existing) {
  const CustomerColumns all(configured.customers);
  std::vector<std::string> account_names;
  for (const AccountSettings& account : configured.accounts) account_names.push_back(account.name);
  Registered registered;
  lock_registration(tx);
  auto changes =
      exec(tx, sql::add_customers, all.names, all.accounts, all.zones, all.every, all.full_every, all.recent_days)
          .affected_rows();
  std::map<int, std::string> may_change;
  std::vector<int> same_zone;
  std::vector<int> disagrees;
  for (const auto& row : exec(tx, sql::differing_customers, all.names, all.accounts, all.zones, all.every,
                              all.full_every, all.recent_days, daemon, existing == Existing::change)) {
    const int customer_id = row[0].as<int>();
    const auto name = row[1].as<std::string>();
    const auto old_zone = row[2].as<std::string>();
    if (!row[4].as<bool>()) {
      disagrees.push_back(customer_id);
      registered.disagreements.push_back({customer_id, name, row[5].as<std::string>()});
      continue;
    }
    may_change[customer_id] = name;
    // Before there was a zone, the times needed none.
    if (old_zone.empty() || old_zone == row[3].as<std::string>()) same_zone.push_back(customer_id);
  }
  registered.later = change_at_once(tx, all, configured.customers, may_change, same_zone);
  for (const CustomerChange& change : registered.later) disagrees.push_back(change.customer_id);
  changes += exec(tx, sql::note_configured, daemon, account_names, all.names, disagrees).affected_rows();
  const pqxx::row deactivated = exec_row(tx, sql::deactivate_customers, daemon);
  registered.deactivated = deactivated[0].as<std::int64_t>();
  registered.complete = deactivated[1].as<bool>();
  if (changes > 0 || registered.deactivated > 0 || registered.later.size() < may_change.size())
    note_registration(tx, daemon);
  return registered;
}

}  // namespace

// Accounts first, in a transaction of their own: calls take their turns from these rows.
Registered register_configuration(Session& session, std::int64_t daemon, const Configured& configured,
                                  Existing existing) {
  session.in_transaction([&](pqxx::work& tx) { register_accounts(tx, daemon, configured.accounts, existing); });
  Registered registered;
  try {
    registered =
        session.in_transaction([&](pqxx::work& tx) { return register_customers(tx, daemon, configured, existing); });
  } catch (const Conflict& conflict) {
    throw Conflict(std::string("the registration waits for another session: ") +
                   lock_holders(session, "bounced.server") + ": " + conflict.what());
  }
  session.in_transaction(
      [&](pqxx::work& tx) { adopt_class_rules(tx, *configured.classifier, existing != Existing::change); });
  mend_times(session);
  registered.state = registration_state(session);
  return registered;
}

std::string registration_state(Session& session) {
  return session.in_transaction(
      [](pqxx::work& tx) { return exec_row(tx, sql::registration_state)[0].as<std::string>(); });
}

// In the order customers, mirror, as everywhere.
bool change_customer(Session& session, std::int64_t daemon, const CustomerChange& change) {
  const CustomerColumns column({change.settings});
  const std::vector<int> id{change.customer_id};
  return session.in_transaction([&](pqxx::work& tx) {
    exec(tx, "set local lock_timeout = '10s'");
    const pqxx::result rows = exec(
        tx, "select time_zone from bounced.customers where customer_id = $1 for no key update", change.customer_id);
    if (rows.empty()) return false;  // somebody removed the customer
    const auto old_zone = rows[0][0].as<std::string>();
    exec(tx, sql::change_customers, id, column.names, column.accounts, column.zones, column.every, column.full_every,
         column.recent_days);
    const std::string& zone = change.settings.time_zone;
    const bool moves = !old_zone.empty() && !zone.empty() && old_zone != zone;
    if (moves) {
      exec(tx, sql::shift_time_zone, change.customer_id, old_zone, zone);
      exec(tx, sql::recount, change.customer_id);  // rows may have met
    }
    note_registration(tx, daemon);
    return moves;
  });
}

void mend_times(Session& session) {
  session.in_transaction([](pqxx::work& tx) { exec(tx, sql::mend_times); });
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
