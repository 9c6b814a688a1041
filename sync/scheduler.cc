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
constexpr Seconds leave_alone_for = 1min;
// A customer whose failure could not be noted.
constexpr Backoff not_noted_retry{15s, 30s};
// One list that the database does not take, for its length perhaps, is that customer's failure.
constexpr int refusals_are_trouble = 3;
// Another poll finds out instead of one that takes longer.
constexpr auto longest_probe = 15s;
// One session may break by chance. Two in a row, while others work, are what the customer's list does to them.
constexpr int losses_are_failure = 2;

}  // namespace

Scheduler::Scheduler(const asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
                     std::int64_t daemon, const config::Polling& settings)
    : pool_(pool),
      accounts_(accounts),
      observer_(observer),
      daemon_(daemon),
      wakeup_(executor),
      polls_(executor, Poller(pool, accounts, observer, true), accounts, settings, wakeup_),
      trouble_(observer, "schedule"),
      poll_trouble_(observer, "polls") {}

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
  try {
    co_return co_await claim_and_start();
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    if (db::is_absence(error) && !lost_since_) {
      lost_since_ = Clock::now();
      observer_.on(DatabaseLost{error.what()});
    }
    co_return trouble_.failed(error);
  }
}

asio::awaitable<Seconds> Scheduler::claim_and_start() {
  // Others may have taken us for dead: a claim would be theirs soon.
  if (!accounts_.stands()) co_return 1s;
  int free = polls_.free();
  if (braked()) {
    const Seconds rest = braked_until_ - Clock::now();
    if (rest > 0s) co_return std::clamp<Seconds>(rest, shortest_sleep, longest_sleep);
    free = std::min(free, 1);
  }
  const std::vector<db::Places> places = polls_.places();
  if (free == 0 || places.empty()) co_return longest_sleep;  // a poll that ends wakes us
  const std::vector<int> not_these = not_now();
  auto claims = co_await pool_.run(
      [&](db::Session& session) { return db::claim_due(session, daemon_, places, free, not_these); });
  // Only who has written knows that the database is back.
  if (lost_since_) {
    observer_.on(DatabaseBack{Clock::now() - *lost_since_});
    lost_.clear();
  }
  lost_since_.reset();
  trouble_.well();
  if (braked() && !claims.empty()) {
    probe_ = claims.front().customer_id;
    braked_until_ = Clock::now() + longest_probe;
  }
  for (db::Claim& claim : claims) {
    polls_.start(std::move(claim), [this](const db::Claim& done, const PollResult& result) { ended(done, result); });
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

void Scheduler::ended(const db::Claim& claim, const PollResult& result) {
  using End = PollResult::End;
  if (probe_ == claim.customer_id) {
    probe_.reset();
    braked_until_ = Clock::now();
  }
  if (result.end == End::discarded && !accounts_.disagreement(claim, true).empty()) {
    left_alone_[claim.customer_id] = Clock::now() + std::chrono::duration_cast<Clock::duration>(leave_alone_for);
  }
  const bool lost = result.end == End::database_lost;
  if (!lost) lost_.erase(claim.customer_id);
  if (result.end == End::not_noted || (lost && ++lost_[claim.customer_id] >= losses_are_failure)) {
    fail_unnoted(claim, result);
  } else if (!lost) {
    unnoted_.erase(claim.customer_id);
  }
  brake(result);
}

void Scheduler::fail_unnoted(const db::Claim& claim, const PollResult& result) {
  Unnoted& unnoted = unnoted_[claim.customer_id];
  const Seconds delay = not_noted_retry.delay(++unnoted.failures);
  unnoted.until = Clock::now() + std::chrono::duration_cast<Clock::duration>(delay);
  observer_.on(PollFailed{claim, "internal", result.message, claim.failures + unnoted.failures, delay});
}

bool Scheduler::braked() const {
  return refused_ >= refusals_are_trouble;
}

// A database that refuses what polls write would refuse the next one too, for whom a list would be read in vain. One
// at a time, and fewer and fewer, find out when that is over. Those that are in flight already may take their time. Who
// could note a failure of another kind has written, too.
void Scheduler::brake(const PollResult& result) {
  using End = PollResult::End;
  if (result.end == End::merged || (result.end == End::failed && !result.refused)) {
    refused_ = 0;
    poll_trouble_.well();
  }
  if (!result.refused || result.end == End::database_lost) return;
  ++refused_;
  if (!braked()) return;
  const Seconds delay = poll_trouble_.failed(db::SqlError(result.message, {}));
  braked_until_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(delay);
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
  for (const auto& [customer, unnoted] : unnoted_) {
    if (unnoted.until > now) customers.push_back(customer);
  }
  return customers;
}

}  // namespace bounced::sync
