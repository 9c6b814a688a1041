// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "classify/classifier.h"
#include "config/config.h"
#include "db/claims.h"
#include "db/customers.h"
#include "db/daemons.h"
#include "db/pool.h"
#include "db/waiting.h"
#include "sync/admission.h"
#include "sync/api/client.h"
#include "sync/in_flight.h"
#include "sync/troubles.h"

namespace bounced::sync {

// How an account has fared, whatever its configuration is.
struct Standing {
  explicit Standing(const boost::asio::any_io_executor& executor) : pause_written(executor) {}

  Troubles troubles;
  std::map<std::string, int> pauses;  // that this daemon made in a row, by kind of call
  // In the database, by an earlier daemon or another one: no such call of this one has gone well since. By kind of
  // call.
  std::array<bool, 3> may_be_paused{true, true, true};
  int unanswered = 0;  // polls in a row that met a fault of the API or the network
  // Those that meet the same fault write one pause, one after the other, and hold one connection.
  bool pause_is_written = false;
  WaitList pause_written;

  // One customer without an answer is not the account's trouble, nor are two.
  [[nodiscard]] bool answers_nobody() const { return unanswered >= 3; }
};

// An account at work. What is in flight keeps it alive when a reload takes it away.
struct Account {
  config::Account settings;  // without its customers
  std::shared_ptr<api::Client> client;
  // Polls that this daemon may make at once and, apart from them, deletions: its share of `concurrency`.
  int share = 1;
  std::shared_ptr<Standing> standing;
  // Of its customers.
  std::chrono::seconds shortest_interval = std::chrono::minutes(5);
};

// The configuration's accounts and customers as the job needs them, and whether a call may be made now.
class Accounts {
 public:
  // Throws std::runtime_error if an account's ca_file cannot be used. Accounts must have their keys.
  Accounts(const boost::asio::any_io_executor& executor, db::Pool& pool, const config::Config& config,
           const api::Deadlines& deadlines = {},
           std::shared_ptr<const classify::Classifier> classifier = classify::built_in());

  // Another configuration from now on. Throws as the constructor does, and has changed nothing then.
  void configure(const config::Config& config,
                 std::shared_ptr<const classify::Classifier> classifier = classify::built_in());
  // Those whose user, key or server that would change: it may be right now what was wrong.
  [[nodiscard]] std::vector<std::string> with_other_credentials(const config::Config& config) const;

  [[nodiscard]] std::vector<std::string> account_names() const;
  // Nothing where it is not configured (any more).
  [[nodiscard]] std::shared_ptr<Account> find(const std::string& name) const;
  [[nodiscard]] const std::unordered_map<std::string, std::shared_ptr<Account>>& all() const { return accounts_; }

  // A heartbeat, sent at that time, went well: these share the accounts with us.
  void heard(const std::vector<db::AccountShare>& shares, std::chrono::steady_clock::time_point sent);
  // Is called when other daemons came or went.
  void on_other_shares(std::function<void()> call) { on_other_shares_ = std::move(call); }
  // Whether nobody can have taken this daemon for dead. (One that never has a heartbeat is not asked for any.)
  [[nodiscard]] bool stands() const;
  // How often that was not so for a while: what was claimed before the last time may be others' now.
  [[nodiscard]] int lapses() const { return lapses_; }

  // To be asked before each call that the visit makes (sync/admission.h). Throws NotAdmitted also where others may have
  // taken the claim over.
  boost::asio::awaitable<api::Permit> enter(std::shared_ptr<Visit> visit);
  // Lets those go who wait for a turn or a place, without one. How long the pause is may not be known yet.
  void turn_back(const std::string& account, CallKind kind,
                 std::chrono::duration<double> paused_for = std::chrono::seconds(1)) {
    admission_.turn_back(account, kind, paused_for);
  }
  // Calls for deletions that hang (see Admission).
  [[nodiscard]] int slow_deletions() const { return admission_.slow_deletions(); }
  void turn_back(CallKind kind) { admission_.turn_back(kind); }

  // In what the row that was claimed differs from the configuration; empty if it agrees. The schedule matters only to
  // those who go by it.
  [[nodiscard]] std::string disagreement(const db::Claim& claim, bool schedule_matters) const;
  // Accounts whose customers the API is asked for.
  [[nodiscard]] std::vector<std::string> to_be_asked() const;
  // What it answered last; null: nothing yet. Sorted.
  [[nodiscard]] const std::vector<std::string>* found(const std::string& account) const;
  // The customers of the account are these from now on, besides those that it lists; who is listed elsewhere stays
  // there.
  void set_found(const std::string& account, std::vector<std::string> names);

  // What the API calls a customer that is configured.
  [[nodiscard]] std::string name_at_api(const std::string& customer) const;
  // Whether the customer's lists give instants from now on, and gave local times before: the whole list has to show
  // what these meant.
  [[nodiscard]] bool needs_full(const db::Claim& claim) const;
  // Whether the customer is configured, and in that account.
  [[nodiscard]] bool has(const std::string& customer, const std::string& account) const;

  [[nodiscard]] const std::unordered_map<std::string, db::CustomerSettings>& customers() const { return customers_; }

  // What this daemon does for them now.
  [[nodiscard]] InFlight& in_flight() { return in_flight_; }

  // What goes into the database, for its threads. Another object each time that something has changed.
  [[nodiscard]] std::shared_ptr<const db::Configured> configured() const { return snapshot_; }

 private:
  std::shared_ptr<Account> make(const config::Account& settings) const;
  [[nodiscard]] std::optional<Admission::Limits> limits_of(const std::string& name) const;
  void gather_customers();
  [[nodiscard]] std::shared_ptr<const db::Configured> take_snapshot() const;
  void add_customer(const config::Account& account, const config::Customer& customer);

  boost::asio::any_io_executor executor_;
  db::Pool& pool_;
  api::Deadlines deadlines_;
  std::unordered_map<std::string, std::shared_ptr<Account>> accounts_;
  std::unordered_map<std::string, db::CustomerSettings> customers_;
  std::unordered_map<std::string, std::string> names_at_api_;
  std::shared_ptr<const db::Configured> snapshot_;
  std::vector<config::Account> configured_;
  std::shared_ptr<const classify::Classifier> classifier_;
  std::unordered_map<std::string, std::vector<std::string>> found_;
  std::unordered_map<std::string, db::AccountShare> shares_;
  std::optional<std::chrono::steady_clock::time_point> stands_until_;
  int lapses_ = 0;
  std::function<void()> on_other_shares_ = [] {};
  InFlight in_flight_;
  Admission admission_;
};

}  // namespace bounced::sync
