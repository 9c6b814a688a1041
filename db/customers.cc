// SPDX-License-Identifier: Apache-2.0
#include "db/customers.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

int shift_time_zones(pqxx::work& tx, const std::vector<std::string>& names, const std::vector<std::string>& zones,
                     bool change_active) {
  const pqxx::result changes = exec(tx, sql::zone_changes, names, zones, change_active);
  for (const auto& change : changes) {
    const int customer_id = change[0].as<int>();
    exec(tx, sql::shift_time_zone, customer_id, change[1].as<std::string>(), change[2].as<std::string>());
    exec(tx, sql::recount, customer_id);  // rows may have met
  }
  return static_cast<int>(changes.size());
}

}  // namespace

Registered register_configuration(Session& session, std::int64_t daemon, const std::vector<AccountSettings>& accounts,
                                  const std::vector<CustomerSettings>& customers, Existing existing) {
  std::vector<std::string> account_names, apis, names, owners, zones;
  std::vector<std::int64_t> every, full_every;
  std::vector<int> recent_days;
  std::vector<std::optional<int>> daily_limits;
  for (const AccountSettings& account : accounts) {
    account_names.push_back(account.name);
    apis.push_back(account.api);
    daily_limits.push_back(account.daily_limit > 0 ? std::optional(account.daily_limit) : std::nullopt);
  }
  for (const CustomerSettings& customer : customers) {
    names.push_back(customer.name);
    owners.push_back(customer.account);
    zones.push_back(customer.time_zone);
    every.push_back(customer.every.count());
    full_every.push_back(customer.full_every.count());
    recent_days.push_back(customer.recent_days);
  }
  return session.in_transaction([&](pqxx::work& tx) {
    Registered registered;
    const bool others_live = exec_row(tx, sql::others_live, daemon)[0].as<bool>();
    const bool change = existing == Existing::change || !others_live;
    exec(tx, sql::register_accounts, account_names, apis, daily_limits, change);
    registered.shifted = shift_time_zones(tx, names, zones, change);
    exec(tx, sql::register_customers, names, owners, zones, every, full_every, recent_days, change);
    if (!others_live) {
      registered.deactivated = static_cast<std::int64_t>(exec(tx, sql::deactivate_customers, names).affected_rows());
    }
    return registered;
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
