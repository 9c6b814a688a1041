// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "sync/accounts.h"
#include "sync/backoff.h"
#include "sync/events.h"

namespace bounced::sync {

// Finds out at the API which customers the accounts with `customers: all` have: at the start, every hour, and when it
// is asked to. Until an account has answered, its customers are those that the database has of it: what cannot be asked
// stops nobody's polls.
class Discovery {
 public:
  Discovery(Accounts& accounts, Observer& observer) : accounts_(accounts), observer_(observer) {}

  // What the database knows, by account.
  void recall(const std::map<std::string, std::vector<std::string>>& known);

  struct Looked {
    bool changed = false;  // the accounts have other customers now
    bool failed = false;   // an account did not answer
    Seconds next{};        // until the next look is due
  };
  // Asks the accounts whose time has come.
  boost::asio::awaitable<Looked> look();

  // All accounts are to be asked again.
  void hurry() {
    for (auto& [account, state] : states_) state.next = {};
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct State {
    Clock::time_point next{};  // no min(): differences to it overflow, and would mean another hour
    int failures = 0;          // in a row
    bool holding = false;      // a list that lacked most of them was not believed
    std::map<CustomersRemarked::Remark, std::vector<std::string>> remarked = {};
  };

  boost::asio::awaitable<std::variant<std::vector<api::Subuser>, api::Fault>> ask(Account& account);
  bool believe(const std::string& account, State& state, const std::vector<api::Subuser>& listed);
  void remark(const std::string& account, State& state, const std::vector<api::Subuser>& listed);

  Accounts& accounts_;
  Observer& observer_;
  std::map<std::string, State> states_;  // by account
};

}  // namespace bounced::sync
