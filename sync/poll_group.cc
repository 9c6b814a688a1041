// SPDX-License-Identifier: Apache-2.0
#include "sync/poll_group.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "sync/call_turns.h"

namespace bounced::sync {

PollGroup::PollGroup(boost::asio::any_io_executor executor, Poller poller, Accounts& accounts,
                     const config::Polling& settings, Wakeup& changed)
    : executor_(std::move(executor)), poller_(poller), accounts_(accounts), settings_(settings), changed_(changed) {}

void PollGroup::start(db::Claim claim, OnEnd on_end) {
  const int customer = claim.customer_id;
  Poll& poll = polls_[customer];
  poll.account = claim.account;
  const auto account = accounts_.find(claim.account);
  const bool waits = account && account->settings.rate_limit.requests > 0;
  if (!waits) poll.sent_at = Clock::now();
  const auto on_send = [this, customer, waits] {
    polls_.at(customer).sent_at = Clock::now();
    if (waits) changed_.wake();
  };
  auto flight = accounts_.in_flight().begin("poll", claim.customer, [this, customer] {
    // Breaking another one off may have ended it.
    const auto found = polls_.find(customer);
    if (found != polls_.end()) found->second.signal.emit(boost::asio::cancellation_type::terminal);
  });
  boost::asio::co_spawn(
      executor_, poller_.poll(claim, on_send, slow_.contains(customer), std::move(flight)),
      boost::asio::bind_cancellation_slot(poll.signal.slot(), [this, claim, on_end = std::move(on_end)](
                                                                  std::exception_ptr error, const PollResult& result) {
        ended(claim);
        if (error) {
          broken_ = error;
        } else {
          on_end(claim, result);
        }
        changed_.wake();
      }));
  if (cancelled_) poll.signal.emit(boost::asio::cancellation_type::terminal);
}

void PollGroup::ended(const db::Claim& claim) {
  const auto poll = polls_.find(claim.customer_id);
  const auto sent_at = poll->second.sent_at;
  if (sent_at && Clock::now() - *sent_at >= slow_after) {
    slow_[claim.customer_id] = claim.customer;
  } else if (sent_at) {
    slow_.erase(claim.customer_id);
  }
  polls_.erase(poll);
}

bool PollGroup::is_slow(int customer, const Poll& poll, Clock::time_point now) const {
  return poll.sent_at && (now - *poll.sent_at >= slow_after || slow_.contains(customer));
}

std::unordered_map<std::string, PollGroup::Count> PollGroup::count() const {
  const auto now = Clock::now();
  std::unordered_map<std::string, Count> counts;
  for (const auto& [customer, poll] : polls_) {
    Count& count = counts[poll.account];
    ++count.all;
    if (!poll.sent_at) ++count.waiting;
    if (is_slow(customer, poll, now)) ++count.slow;
  }
  return counts;
}

int PollGroup::free() const {
  Count all;
  for (const auto& [account, count] : count()) {
    all.all += count.all;
    all.waiting += count.waiting;
    all.slow += count.slow;
  }
  const int concurrency = settings_.concurrency;
  return std::max(0, concurrency - (all.all - all.waiting - std::min(all.slow, concurrency)));
}

std::vector<db::Places> PollGroup::places() const {
  auto counts = count();
  const int most = free();
  std::vector<db::Places> places;
  for (const auto& [name, account] : accounts_.all()) {
    const Count& count = counts[name];
    if (account->standing->pause_is_written) continue;  // they would meet the same fault
    int free = std::min(most, account->share - count.all);
    if (account->standing->answers_nobody()) free = std::min(free, 1 - (count.all - count.slow));
    free = std::min(free, within_reach(account->settings.rate_limit) - count.waiting);
    if (free > 0) places.push_back({name, free});
  }
  return places;
}

std::vector<int> PollGroup::not_now() const {
  auto counts = count();
  std::vector<int> customers;
  for (const auto& [customer, poll] : polls_) customers.push_back(customer);
  for (const auto& [customer, name] : slow_) {
    const auto account = account_of_slow(name);
    if (!account || polls_.contains(customer)) continue;
    if (counts[account->settings.name].slow >= std::max(1, account->share / 2)) customers.push_back(customer);
  }
  return customers;
}

// In the configuration of this moment: it may have been renamed, or the customer moved.
std::shared_ptr<Account> PollGroup::account_of_slow(const std::string& customer) const {
  const auto found = accounts_.customers().find(customer);
  return found == accounts_.customers().end() ? nullptr : accounts_.find(found->second.account);
}

void PollGroup::cancel() {
  if (std::exchange(cancelled_, true)) return;
  for (auto& [customer, poll] : polls_) poll.signal.emit(boost::asio::cancellation_type::terminal);
}

boost::asio::awaitable<void> PollGroup::end() {
  cancel();
  while (!polls_.empty()) co_await changed_.wait_though_cancelled();
}

void PollGroup::check() const {
  if (broken_) std::rethrow_exception(broken_);
}

}  // namespace bounced::sync
