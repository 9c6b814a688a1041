// SPDX-License-Identifier: Apache-2.0
#include "sync/deletions.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>
#include <variant>

#include "db/errors.h"
#include "sync/backoff.h"
#include "sync/call_turns.h"
#include "sync/cancelled.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// A word about new requests may get lost: a look this often is the safety net. It also finds the requests of daemons
// that died.
constexpr Seconds look_at_least_every = 5s;
// A look costs more, the more customers wait and the more was claimed since the oldest transaction began. However often
// there is something new, dear looks take at most a twentieth of the time.
constexpr int look_share = 20;
constexpr auto dear_look = 10ms;
// Calls in flight mostly end within a second. What is broken off is sent again by the next daemon.
constexpr auto last_calls = 5s;

}  // namespace

Deletions::Deletions(const asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
                     std::int64_t daemon, const config::Deletions& settings)
    : executor_(executor),
      pool_(pool),
      accounts_(accounts),
      observer_(observer),
      daemon_(daemon),
      settings_(settings),
      removals_(pool, accounts, observer, settings),
      // Those that hang do not count, up to as many again (see Admission).
      lanes_([this] { return settings_.concurrency + std::min(settings_.concurrency, accounts_.slow_deletions()); },
             [this](const std::string& account) { return limits_of(account); }),
      ends_(
          executor, pool, accounts.in_flight(), observer,
          [this](EndedRequest ended, bool claim_lost) { written(std::move(ended), claim_lost); },
          [this](int customer, bool refused) { lanes_.hold(customer, refused); }, [this] { wakeup_.wake(); }),
      wakeup_(executor),
      trouble_(observer, "deletions"),
      progress_(observer) {}

asio::awaitable<void> Deletions::drain(std::set<std::string> customers) {
  only_ = std::move(customers);
  draining_ = true;
  co_await work();
  if (!database_lost_.empty()) throw db::Unavailable(database_lost_);
}

void Deletions::stop() {
  stopping_ = true;
  wakeup_.wake();
}

void Deletions::wake() {
  told_ = true;
  wakeup_.wake();
}

void Deletions::reconfigured() {
  give_back(lanes_.take_unsent());
  wake();
}

RequestLanes::Limits Deletions::limits_of(const std::string& name) const {
  const auto account = accounts_.find(name);
  if (!account || removals_.is_being_paused(name)) return {};
  return {.in_flight = account->share,
          .waiting = account->settings.rate_limit.requests > 0 ? within_reach(account->settings.rate_limit) : 0,
          .per_call = per_call(*account)};
}

// What a call of many leaves unsure takes another attempt.
int Deletions::per_call(const Account& account) const {
  return settings_.max_attempts > 1 ? static_cast<int>(account.client->most_removed()) : 1;
}

asio::awaitable<void> Deletions::work() {
  // Cancelling it is a word to stop, like stop(): it winds up.
  co_await asio::this_coro::throw_if_cancelled(false);
  std::exception_ptr broken;
  try {
    while (!stopping_) {
      const Seconds sleep = co_await step();
      check();
      // Before it is over, a look for what was passed over.
      if (lanes_.idle() && std::exchange(claimed_some_, false)) wake();
      if (lanes_.idle() || progress_.is_due()) progress_.tell();
      const bool drained = lanes_.idle() && !told_;
      if (draining_ && (drained || !database_lost_.empty())) break;
      if (!stopping_) co_await wakeup_.wait(sleep);
      // No wait would wait any more.
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) break;
    }
  } catch (...) {
    broken = std::current_exception();
  }
  co_await wind_up();
  progress_.tell();
  if (broken) std::rethrow_exception(broken);
  check();
}

void Deletions::check() const {
  if (broken_) std::rethrow_exception(broken_);
  ends_.check();
}

// One round, and for how long to sleep after it.
asio::awaitable<Seconds> Deletions::step() {
  try {
    const Seconds sleep = co_await look_and_claim();
    if (trouble_.well() > 0) ends_.hurry();
    if (draining_) database_lost_ = ends_.refusal();
    co_return sleep;
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    if (draining_) database_lost_ = error.what();
    // What was claimed in a transaction whose answer was lost is found by a look.
    look_at_ = {};
    co_return trouble_.failed(error);
  }
}

asio::awaitable<Seconds> Deletions::look_and_claim() {
  const auto began = Clock::now();
  const bool looking = began >= look_at_ || (told_ && began >= may_look_at_);
  // Where others may have taken us for dead, what we claim may be theirs soon.
  if (!accounts_.stands()) co_return 1s;
  if (looking) co_await look();
  const std::vector<db::Lane> wanted = lanes_.to_claim();
  if (!wanted.empty()) {
    const int pauses = pauses_;
    std::vector<db::RequestClaim> claims;
    try {
      claims = co_await pool_.run([&](db::Session& session) { return db::claim_requests(session, daemon_, wanted); });
    } catch (...) {
      lanes_.claimed(wanted, {});
      throw;
    }
    lanes_.claimed(wanted, claims);
    claimed_some_ = claimed_some_ || !claims.empty();
    // They may be of an account that was paused after they were claimed.
    if (pauses != pauses_) give_back(lanes_.take_unsent());
  }
  start_calls();  // also where none was claimed: a call may have become slow
  const auto now = Clock::now();
  if (!wanted.empty()) co_return 0s;  // there may be more
  const auto until = told_ ? std::min(may_look_at_, look_at_) : look_at_;
  co_return std::max<Seconds>(until - now, 0s);
}

// Finds out which customers have requests that are due.
asio::awaitable<void> Deletions::look() {
  const auto began = Clock::now();
  const bool thorough = began >= look_at_;
  told_ = false;
  const std::vector<std::int64_t> in_hand = lanes_.in_hand();
  auto customers = co_await pool_.run([&](db::Session& session) {
    if (thorough) db::recover_requests(session, daemon_, in_hand);
    return db::waiting_customers(session);
  });
  for (db::WaitingCustomer& customer : customers) {
    customer.due_in = std::max(customer.due_in, removals_.held_for(customer.customer));
  }
  const auto now = Clock::now();
  const auto took = now - began;
  may_look_at_ = took < dear_look ? now : now + look_share * took;
  std::erase_if(customers, [this](const auto& customer) { return !is_ours(customer); });
  Seconds sleep = look_at_least_every;
  for (const db::WaitingCustomer& customer : customers) {
    if (customer.due_in > 0s) sleep = std::min<Seconds>(sleep, customer.due_in);
  }
  std::erase_if(customers, [](const auto& customer) { return customer.due_in > 0s; });
  lanes_.found(customers);
  look_at_ = now + std::chrono::duration_cast<Clock::duration>(sleep);
}

// A daemon serves the customers of its own configuration.
bool Deletions::is_ours(const db::WaitingCustomer& customer) const {
  if (!only_.empty() && !only_.contains(customer.customer)) return false;
  return accounts_.has(customer.customer, customer.account);
}

// Gives back what was not sent, and waits for calls and for the writer.
asio::awaitable<void> Deletions::wind_up() {
  stopping_ = true;
  give_back(lanes_.take_unsent());
  accounts_.turn_back(CallKind::deletion);
  const auto deadline = Clock::now() + last_calls;
  while (!calls_.empty() && Clock::now() < deadline) co_await wakeup_.wait_though_cancelled(deadline);
  for (auto& signal : calls_) signal.emit(asio::cancellation_type::terminal);
  ends_.stop(Clock::now() + last_calls);
  while (!calls_.empty() || ends_.busy()) co_await wakeup_.wait_though_cancelled();
}

}  // namespace bounced::sync
