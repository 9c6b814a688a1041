// SPDX-License-Identifier: Apache-2.0
#include "sync/accounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;

// Others take us for dead 20 s after our last heartbeat: what is called in the five seconds before that mostly ends
// before it.
constexpr auto stands_for = std::chrono::seconds(db::dead_after_seconds) - 5s;

bool same_credentials(const config::Account& one, const config::Account& other) {
  return one.api == other.api && one.user == other.user && one.base_url == other.base_url &&
         one.ca_file == other.ca_file && one.ca_only == other.ca_only && one.proxy == other.proxy &&
         one.key == other.key;
}

// Of so many daemons, this one's part of what the account may do at once; at least one call, or it could do nothing.
int share_of(int concurrency, const db::AccountShare& share) {
  const int rest = concurrency % share.daemons;
  return std::max(1, concurrency / share.daemons + (share.before < rest ? 1 : 0));
}

boost::asio::awaitable<db::Turns> take_turns(db::Pool& pool, std::string account, db::Pace pace,
                                             Admission::Wanted wanted) {
  co_return co_await pool.run([&](db::Session& session) {
    return db::take_turns(session, account, pace, wanted.lists, wanted.deletions, wanted.subusers);
  });
}

}  // namespace

Accounts::Accounts(const boost::asio::any_io_executor& executor, db::Pool& pool, const config::Config& config,
                   const api::Deadlines& deadlines, std::shared_ptr<const classify::Classifier> classifier)
    : executor_(executor),
      pool_(pool),
      deadlines_(deadlines),
      admission_(
          executor, [this](const std::string& account) { return limits_of(account); },
          [&pool](const std::string& account, const db::Pace& pace, const Admission::Wanted& wanted) {
            return take_turns(pool, account, pace, wanted);
          }) {
  configure(config, std::move(classifier));
}

void Accounts::configure(const config::Config& config, std::shared_ptr<const classify::Classifier> classifier) {
  decltype(accounts_) accounts;
  for (const config::Account& settings : config.accounts) accounts.emplace(settings.name, make(settings));
  accounts_ = std::move(accounts);
  configured_ = config.accounts;
  classifier_ = std::move(classifier);
  gather_customers();
  admission_.set_totals({.lists = config.polling.concurrency, .deletions = config.deletions.concurrency});
}

// Those that the configuration lists, then those that the API names.
void Accounts::gather_customers() {
  customers_.clear();
  names_at_api_.clear();
  for (const config::Account& account : configured_) {
    for (const config::Customer& customer : account.customers) add_customer(account, customer);
  }
  for (const config::Account& account : configured_) {
    const auto found = found_.find(account.name);
    if (!account.all_customers || found == found_.end()) continue;
    const auto is_listed = [&account](const std::string& name) {
      return std::ranges::any_of(account.customers,
                                 [&name](const auto& customer) { return customer.api_name == name; });
    };
    for (const std::string& name : found->second) {
      if (!is_listed(name)) add_customer(account, {.name = name, .schedule = account.schedule, .api_name = name});
    }
  }
  for (auto& [name, account] : accounts_) account->shortest_interval = account->settings.schedule.every;
  for (const auto& [name, customer] : customers_) {
    std::chrono::seconds& shortest = accounts_.at(customer.account)->shortest_interval;
    shortest = std::min(shortest, customer.every);
  }
  snapshot_ = take_snapshot();
}

// Who comes first has the name.
void Accounts::add_customer(const config::Account& account, const config::Customer& customer) {
  customers_.emplace(customer.name, db::CustomerSettings{.name = customer.name,
                                                         .account = account.name,
                                                         .time_zone = account.time_zone,
                                                         .every = customer.schedule.every,
                                                         .full_every = customer.schedule.full_every,
                                                         .recent_days = customer.schedule.recent_days});
  names_at_api_.emplace(customer.name, customer.api_name);
}

std::vector<std::string> Accounts::to_be_asked() const {
  std::vector<std::string> names;
  for (const config::Account& account : configured_) {
    if (account.all_customers) names.push_back(account.name);
  }
  return names;
}

const std::vector<std::string>* Accounts::found(const std::string& account) const {
  const auto found = found_.find(account);
  return found == found_.end() ? nullptr : &found->second;
}

void Accounts::set_found(const std::string& account, std::vector<std::string> names) {
  found_[account] = std::move(names);
  gather_customers();
}

// As it is configured, with what is known of an account of this name that is there already.
std::shared_ptr<Account> Accounts::make(const config::Account& settings) const {
  auto account = std::make_shared<Account>();
  const std::shared_ptr<Account> before = find(settings.name);
  account->standing = before ? before->standing : std::make_shared<Standing>(executor_);
  account->client = api::make_client(executor_, settings, deadlines_);
  account->settings = settings;
  account->settings.customers.clear();
  const auto share = shares_.find(settings.name);
  account->share = share == shares_.end() ? settings.concurrency : share_of(settings.concurrency, share->second);
  return account;
}

std::vector<std::string> Accounts::with_other_credentials(const config::Config& config) const {
  std::vector<std::string> names;
  for (const config::Account& settings : config.accounts) {
    const auto before = find(settings.name);
    if (before && !same_credentials(before->settings, settings)) names.push_back(settings.name);
  }
  return names;
}

std::vector<std::string> Accounts::account_names() const {
  std::vector<std::string> names;
  for (const auto& [name, account] : accounts_) names.push_back(name);
  return names;
}

std::shared_ptr<Account> Accounts::find(const std::string& name) const {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->second;
}

void Accounts::heard(const std::vector<db::AccountShare>& shares, std::chrono::steady_clock::time_point sent) {
  if (!stands()) ++lapses_;
  stands_until_ = sent + stands_for;
  decltype(shares_) heard;
  for (const db::AccountShare& share : shares) heard[share.account] = share;
  const bool others = heard != std::exchange(shares_, heard);
  for (const db::AccountShare& share : shares) {
    if (const auto account = find(share.account)) account->share = share_of(account->settings.concurrency, share);
  }
  admission_.changed();
  if (others) on_other_shares_();
}

bool Accounts::stands() const {
  return !stands_until_ || std::chrono::steady_clock::now() < *stands_until_;
}

std::optional<Admission::Limits> Accounts::limits_of(const std::string& name) const {
  const auto account = find(name);
  if (!account) return std::nullopt;
  return Admission::Limits{.rate = account->settings.rate_limit,
                           .at_once = account->share,
                           .one_list_at_a_time = account->standing->answers_nobody()};
}

boost::asio::awaitable<api::Permit> Accounts::enter(std::shared_ptr<Visit> visit) {
  if (!stands()) throw NotAdmitted();
  const int lapses = lapses_;
  api::Permit permit = co_await admission_.enter(std::move(visit));
  if (lapses != lapses_ || !stands()) throw NotAdmitted();
  co_return permit;
}

std::string Accounts::disagreement(const db::Claim& claim, bool schedule_matters) const {
  const auto found = customers_.find(claim.customer);
  if (found == customers_.end()) return "it is not configured here";
  const db::CustomerSettings& here = found->second;
  if (claim.account != here.account) return fmt::format("its account is {}, here {}", claim.account, here.account);
  if (!here.time_zone.empty() && claim.time_zone != here.time_zone) {
    return fmt::format("its time zone is {}, here {}", claim.time_zone, here.time_zone);
  }
  if (!schedule_matters) return {};
  if (claim.every != here.every || claim.full_every != here.full_every || claim.recent_days != here.recent_days) {
    return "its intervals are others than here";
  }
  return {};
}

std::string Accounts::name_at_api(const std::string& customer) const {
  return names_at_api_.at(customer);
}

bool Accounts::needs_full(const db::Claim& claim) const {
  const auto found = customers_.find(claim.customer);
  return found != customers_.end() && found->second.time_zone.empty() && !claim.time_zone.empty();
}

bool Accounts::has(const std::string& customer, const std::string& account) const {
  const auto found = customers_.find(customer);
  return found != customers_.end() && found->second.account == account;
}

std::shared_ptr<const db::Configured> Accounts::take_snapshot() const {
  db::Configured configured;
  for (const auto& [name, account] : accounts_) {
    configured.accounts.push_back({.name = name,
                                   .api = config::name(account->settings.api),
                                   .daily_limit = account->settings.daily_deletion_limit});
  }
  for (const auto& [name, customer] : customers_) configured.customers.push_back(customer);
  configured.classifier = classifier_;
  return std::make_shared<const db::Configured>(std::move(configured));
}

}  // namespace bounced::sync
