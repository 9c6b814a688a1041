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
using std::chrono::steady_clock;

// A word that a customer is due may get lost: a look this often is the safety net. It also finds the claims of daemons
// that died.
constexpr Seconds longest_sleep = 5s;
// Something is due, but cannot be had now: its row is locked for a moment.
constexpr Seconds shortest_sleep = 200ms;
// A customer that another daemon's configuration describes otherwise is looked at again after that.
constexpr auto leave_alone_for = 1min;
constexpr Backoff database_retry{500ms, 10s};

}  // namespace

Scheduler::Scheduler(const asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
                     std::int64_t daemon, int concurrency)
    : pool_(pool),
      observer_(observer),
      daemon_(daemon),
      wakeup_(executor),
      polls_(executor, Poller(pool, accounts, observer, true), accounts, concurrency, wakeup_) {}

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
    if (lost_since_) observer_.on(DatabaseBack{steady_clock::now() - *lost_since_});
    lost_since_.reset();
    losses_ = 0;
    co_return sleep;
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    fault = error.what();
  }
  if (!lost_since_) {
    lost_since_ = steady_clock::now();
    observer_.on(DatabaseLost{fault});
  }
  co_return database_retry.delay(++losses_);
}

asio::awaitable<Seconds> Scheduler::claim_and_start() {
  const int free = polls_.free();
  const std::vector<db::Places> places = polls_.places();
  if (free == 0 || places.empty()) co_return longest_sleep;  // a poll that ends wakes us
  const std::vector<int> not_these = taken();
  auto claims = co_await pool_.run(
      [&](db::Session& session) { return db::claim_due(session, daemon_, places, free, not_these); });
  for (db::Claim& claim : claims) {
    polls_.start(std::move(claim), [this](const db::Claim& ended, const PollResult& result) {
      if (result.end == PollResult::End::discarded) {
        left_alone_[ended.customer_id] = steady_clock::now() + leave_alone_for;
      }
    });
  }
  if (!claims.empty()) co_return 0s;  // there may be more

  std::vector<std::string> accounts;
  for (const db::Places& place : places) accounts.push_back(place.account);
  const auto until = co_await pool_.run(
      [&](db::Session& session) { return db::until_next_due(session, daemon_, accounts, not_these); });
  co_return until ? std::clamp(*until, shortest_sleep, longest_sleep) : longest_sleep;
}

std::vector<int> Scheduler::taken() {
  const auto now = steady_clock::now();
  std::erase_if(left_alone_, [&](const auto& entry) { return entry.second <= now; });
  std::vector<int> customers = polls_.customers();
  for (const auto& [customer, until] : left_alone_) customers.push_back(customer);
  return customers;
}

}  // namespace bounced::sync
