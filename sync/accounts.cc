// SPDX-License-Identifier: Apache-2.0
#include "sync/accounts.h"

#include <fmt/format.h>

namespace bounced::sync {

Accounts::Accounts(const boost::asio::any_io_executor& executor, const config::Config& config,
                   const api::Deadlines& deadlines) {
  for (const config::Account& settings : config.accounts) {
    auto account = std::make_unique<Account>();
    account->name = settings.name;
    account->concurrency = settings.concurrency;
    account->daily_deletion_limit = settings.daily_deletion_limit;
    account->client = api::make_client(executor, settings, deadlines);
    accounts_.emplace(settings.name, std::move(account));
    for (const config::Customer& customer : settings.customers) {
      customers_.emplace(customer.name, db::CustomerSettings{.name = customer.name,
                                                             .account = settings.name,
                                                             .time_zone = settings.time_zone,
                                                             .every = customer.schedule.every,
                                                             .full_every = customer.schedule.full_every,
                                                             .recent_days = customer.schedule.recent_days});
    }
  }
}

std::vector<db::Places> Accounts::places() const {
  std::vector<db::Places> places;
  for (const auto& [name, account] : accounts_) {
    if (account->polls < account->concurrency) places.push_back({name, account->concurrency - account->polls});
  }
  return places;
}

std::string Accounts::disagreement(const db::Claim& claim, bool schedule_matters) const {
  const auto found = customers_.find(claim.customer);
  if (found == customers_.end()) return "it is not configured here";
  const db::CustomerSettings& here = found->second;
  if (claim.account != here.account) return fmt::format("its account is {}, here {}", claim.account, here.account);
  if (claim.time_zone != here.time_zone) {
    return fmt::format("its time zone is {}, here {}", claim.time_zone, here.time_zone);
  }
  if (!schedule_matters) return {};
  if (claim.every != here.every || claim.full_every != here.full_every || claim.recent_days != here.recent_days) {
    return "its intervals are others than here";
  }
  return {};
}

std::vector<db::AccountSettings> Accounts::account_settings() const {
  std::vector<db::AccountSettings> settings;
  for (const auto& [name, account] : accounts_) {
    settings.push_back({.name = name, .api = "v2", .daily_limit = account->daily_deletion_limit});
  }
  return settings;
}

std::vector<db::CustomerSettings> Accounts::customer_settings() const {
  std::vector<db::CustomerSettings> settings;
  for (const auto& [name, customer] : customers_) settings.push_back(customer);
  return settings;
}

}  // namespace bounced::sync
