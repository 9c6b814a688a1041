// SPDX-License-Identifier: Apache-2.0
#include "sync/scheduler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "db/errors.h"
#include "sync/backoff.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// A word that a customer is due may get lost: a look this often is the safety net. It also finds the claims of daemons
// that died.
constexpr Seconds longest_sleep = 5s;
// Something is due, but cannot be had now: its row is locked for a moment.
constexpr Seconds shortest_sleep = 200ms;
// A customer whose row was found to say something else than the configuration: by then the next registration has told
// which others do.
constexpr auto leave_alone_for = 1min;

}  // namespace

Scheduler::Scheduler(const asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
                     std::int64_t daemon, const config::Polling& settings)
    : pool_(pool),
      accounts_(accounts),
      observer_(observer),
      daemon_(daemon),
      wakeup_(executor),
      polls_(executor, Poller(pool, accounts, observer, true), accounts, settings, wakeup_) {}

asio::awaitable<void> Scheduler::run() {
  std::exception_ptr broken;
  try {
    while (!stopping_) {
      const Seconds sleep = co_await step();
      polls_.check();
      if (!stopping_) co_await wakeup_.wait(sleep);
    }
  } catch (...) {
    broken = std::current_exception();
  }
  co_await polls_.end();
  if (broken) std::rethrow_exception(broken);
  polls_.check();
}

void Scheduler::stop() {
  stopping_ = true;
  polls_.cancel();
  wakeup_.wake();
}

asio::awaitable<Seconds> Scheduler::step() {
  std::string fault;
  try {
    const Seconds sleep = co_await claim_and_start();
    if (lost_since_) observer_.on(DatabaseBack{Clock::now() - *lost_since_});
    lost_since_.reset();
    losses_ = 0;
    co_return sleep;
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    fault = error.what();
  }
  if (!lost_since_) {
    lost_since_ = Clock::now();
    observer_.on(DatabaseLost{fault});
  }
  co_return database_retry.delay(++losses_);
}

asio::awaitable<Seconds> Scheduler::claim_and_start() {
  // Others may have taken us for dead: a claim would be theirs soon.
  if (!accounts_.stands()) co_return 1s;
  const int free = polls_.free();
  const std::vector<db::Places> places = polls_.places();
  if (free == 0 || places.empty()) co_return longest_sleep;  // a poll that ends wakes us
  const std::vector<int> not_these = not_now();
  auto claims = co_await pool_.run(
      [&](db::Session& session) { return db::claim_due(session, daemon_, places, free, not_these); });
  for (db::Claim& claim : claims) {
    polls_.start(std::move(claim), [this](const db::Claim& ended, const PollResult& result) {
      const bool disagrees = result.end == PollResult::End::discarded && !accounts_.disagreement(ended, true).empty();
      if (disagrees) left_alone_[ended.customer_id] = Clock::now() + leave_alone_for;
    });
  }
  if (static_cast<int>(claims.size()) == free) co_return 0s;  // there may be more

  std::vector<std::string> accounts;
  for (const db::Places& place : polls_.places()) accounts.push_back(place.account);
  if (accounts.empty()) co_return longest_sleep;
  const std::vector<int> nor_these = not_now();
  const auto until = co_await pool_.run(
      [&](db::Session& session) { return db::until_next_due(session, daemon_, accounts, nor_these); });
  co_return until ? std::clamp(*until, shortest_sleep, longest_sleep) : longest_sleep;
}

void Scheduler::leave_alone(const std::vector<int>& customers) {
  left_alone_.clear();
  for (const int customer : customers) left_alone_[customer] = Clock::time_point::max();
  wake();
}

std::vector<int> Scheduler::not_now() {
  const auto now = Clock::now();
  std::erase_if(left_alone_, [&](const auto& entry) { return entry.second <= now; });
  std::vector<int> customers = polls_.not_now();
  for (const auto& [customer, until] : left_alone_) customers.push_back(customer);
  return customers;
}

}  // namespace bounced::sync
