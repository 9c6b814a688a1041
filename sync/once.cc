// SPDX-License-Identifier: Apache-2.0
#include "sync/once.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <set>
#include <utility>

#include "db/errors.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

// Nobody tells when another daemon gives a claim back.
constexpr Seconds look_again_for_claims = 500ms;

}  // namespace

Once::Once(const asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
           std::int64_t daemon, const config::Polling& settings, std::vector<std::string> customers)
    : pool_(pool),
      accounts_(accounts),
      daemon_(daemon),
      wakeup_(executor),
      polls_(executor, Poller(pool, accounts, observer, false), accounts, settings, wakeup_) {
  // Claimed from the back; each once, however often it was named.
  std::set<std::string, std::greater<>> unique(std::make_move_iterator(customers.begin()),
                                               std::make_move_iterator(customers.end()));
  not_done_.insert(unique.begin(), unique.end());
  for (const std::string& customer : unique) {
    waiting_[accounts_.customers().at(customer).account].customers.push_back(customer);
  }
}

asio::awaitable<OnceResult> Once::run() {
  std::exception_ptr broken;
  try {
    co_await poll_all();
  } catch (...) {
    broken = std::current_exception();
  }
  co_await polls_.end();
  if (broken) std::rethrow_exception(broken);
  polls_.check();
  if (!database_lost_.empty()) throw db::Unavailable(database_lost_);
  result_.not_done.assign(not_done_.begin(), not_done_.end());
  co_return std::move(result_);
}

asio::awaitable<void> Once::poll_all() {
  while (!result_.stopped && !(waiting_.empty() && polls_.empty())) {
    const bool claimed = co_await claim_some();
    polls_.check();
    if (!database_lost_.empty()) break;
    if (!claimed && !(waiting_.empty() && polls_.empty())) co_await wakeup_.wait(look_again_for_claims);
  }
}

void Once::stop() {
  result_.stopped = true;
  polls_.cancel();
  wakeup_.wake();
}

std::vector<std::string> Once::waiting() const {
  std::vector<std::string> names;
  for (const auto& [account, waiting] : waiting_) {
    names.insert(names.end(), waiting.customers.begin(), waiting.customers.end());
  }
  return names;
}

// Whether any was claimed.
asio::awaitable<bool> Once::claim_some() {
  give_up();
  const std::vector<std::string> names = candidates();
  if (names.empty()) co_return false;
  const std::vector<int> in_flight = polls_.not_now();
  auto claims =
      co_await pool_.run([&](db::Session& session) { return db::claim_named(session, daemon_, names, in_flight); });
  for (db::Claim& claim : claims) {
    Waiting& waiting = waiting_.at(accounts_.customers().at(claim.customer).account);
    std::erase(waiting.customers, claim.customer);
    polls_.start(std::move(claim), [this](const db::Claim& done, const PollResult& result) { ended(done, result); });
  }
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.customers.empty(); });
  co_return !claims.empty();
}

// As many names as there are places. Those that another daemon holds go to the front, so that they hold up nobody.
std::vector<std::string> Once::candidates() {
  std::vector<std::string> names;
  int free = polls_.free();
  const auto now = steady_clock::now();
  for (const db::Places& place : polls_.places()) {
    const auto found = waiting_.find(place.account);
    if (found == waiting_.end() || found->second.not_before > now) continue;
    std::vector<std::string>& customers = found->second.customers;
    const auto count =
        std::min({static_cast<std::size_t>(place.free), static_cast<std::size_t>(free), customers.size()});
    names.insert(names.end(), customers.end() - static_cast<std::ptrdiff_t>(count), customers.end());
    std::rotate(customers.begin(), customers.end() - static_cast<std::ptrdiff_t>(count), customers.end());
    free -= static_cast<int>(count);
  }
  return names;
}

// Customers of an account whose credentials are wrong, or that answers nobody, fail without another call.
void Once::give_up() {
  for (auto& [account, waiting] : waiting_) {
    if (waiting.cannot.empty()) continue;
    for (const std::string& customer : waiting.customers) {
      result_.failed[customer] = waiting.cannot;
      not_done_.erase(customer);
    }
    waiting.customers.clear();
  }
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.customers.empty(); });
}

void Once::ended(const db::Claim& claim, const PollResult& result) {
  using End = PollResult::End;
  switch (result.end) {
    case End::merged:
      ++result_.merged;
      not_done_.erase(claim.customer);
      if (result.held) result_.held[claim.customer] = result.message;
      break;
    case End::failed:
    case End::not_noted:
    case End::discarded:
      result_.failed[claim.customer] = result.message;
      not_done_.erase(claim.customer);
      break;
    case End::account_fault: {
      Waiting& waiting = waiting_[claim.account];
      waiting.customers.push_back(claim.customer);
      if (result.hopeless) {
        waiting.cannot = result.message;
      } else {
        waiting.not_before = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(result.pause);
      }
      break;
    }
    case End::database_lost:
      database_lost_ = result.message;
      break;
    case End::stopped:
      break;
  }
}

}  // namespace bounced::sync
