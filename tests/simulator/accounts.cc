// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/accounts.h"

#include <algorithm>
#include <utility>

namespace bounced::simulator {

void Accounts::add(std::string user, std::string key) {
  const std::lock_guard lock(mutex_);
  keys_.insert_or_assign(std::move(user), std::move(key));
}

void Accounts::remove(const std::string& user) {
  const std::lock_guard lock(mutex_);
  keys_.erase(user);
}

void Accounts::set_own_customer(std::string user, std::string customer) {
  const std::lock_guard lock(mutex_);
  own_.insert_or_assign(std::move(user), std::move(customer));
}

bool Accounts::know(const std::string& user, const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto account = keys_.find(user);
  return account != keys_.end() && account->second == key;
}

std::optional<std::string> Accounts::owner_of(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto account = std::ranges::find_if(keys_, [&](const auto& user) { return user.second == key; });
  return account != keys_.end() ? std::optional(account->first) : std::nullopt;
}

std::string Accounts::own_customer(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const auto own = own_.find(user);
  return own != own_.end() ? own->second : "";
}

bool Accounts::is_own(const std::string& customer) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(own_, [&](const auto& own) { return own.second == customer; });
}

}  // namespace bounced::simulator
