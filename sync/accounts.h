// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "db/claims.h"
#include "db/customers.h"
#include "sync/api/client.h"

namespace bounced::sync {

// An account at work.
struct Account {
  std::string name;
  int concurrency = 1;  // polls at once, and apart from them deletions
  int daily_deletion_limit = 0;
  std::unique_ptr<api::Client> client;
  int polls = 0;              // in flight
  int pauses = 0;             // that this daemon made in a row
  bool may_be_paused = true;  // in the database, by an earlier daemon: no call of this one has gone well yet
};

// The configuration's accounts and customers as the job needs them.
class Accounts {
 public:
  // Throws std::runtime_error if an account's ca_file cannot be used. Accounts must have their keys.
  Accounts(const boost::asio::any_io_executor& executor, const config::Config& config,
           const api::Deadlines& deadlines = {});

  // The account must be there: a claim is of a configured account.
  Account& at(const std::string& name) { return *accounts_.at(name); }

  // How many polls each account may have besides those in flight; accounts that may have none are left out.
  [[nodiscard]] std::vector<db::Places> places() const;

  // In what the row that was claimed differs from the configuration; empty if it agrees. The schedule matters only to
  // those who go by it.
  [[nodiscard]] std::string disagreement(const db::Claim& claim, bool schedule_matters) const;

  [[nodiscard]] const std::unordered_map<std::string, db::CustomerSettings>& customers() const { return customers_; }

  // What goes into the database.
  [[nodiscard]] std::vector<db::AccountSettings> account_settings() const;
  [[nodiscard]] std::vector<db::CustomerSettings> customer_settings() const;

 private:
  std::unordered_map<std::string, std::unique_ptr<Account>> accounts_;
  std::unordered_map<std::string, db::CustomerSettings> customers_;
};

}  // namespace bounced::sync
