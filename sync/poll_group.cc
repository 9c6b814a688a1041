// SPDX-License-Identifier: Apache-2.0
#include "sync/poll_group.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <utility>

namespace bounced::sync {

PollGroup::PollGroup(boost::asio::any_io_executor executor, Poller poller, Accounts& accounts, int concurrency,
                     Wakeup& changed)
    : executor_(std::move(executor)),
      poller_(poller),
      accounts_(accounts),
      concurrency_(concurrency),
      changed_(changed) {}

void PollGroup::start(db::Claim claim, OnEnd on_end) {
  const int customer_id = claim.customer_id;
  auto& signal = running_[customer_id];
  ++accounts_.at(claim.account).polls;
  boost::asio::co_spawn(
      executor_, poller_.poll(claim),
      boost::asio::bind_cancellation_slot(
          signal.slot(), [this, claim, on_end = std::move(on_end)](std::exception_ptr error, const PollResult& result) {
            --accounts_.at(claim.account).polls;
            running_.erase(claim.customer_id);
            if (error) {
              broken_ = error;
            } else {
              on_end(claim, result);
            }
            changed_.wake();
          }));
}

std::vector<db::Places> PollGroup::places() const {
  std::vector<db::Places> places = accounts_.places();
  for (db::Places& place : places) place.free = std::min(place.free, free());
  return places;
}

std::vector<int> PollGroup::customers() const {
  std::vector<int> customers;
  customers.reserve(running_.size());
  for (const auto& [customer, signal] : running_) customers.push_back(customer);
  return customers;
}

void PollGroup::cancel() {
  for (auto& [customer, signal] : running_) signal.emit(boost::asio::cancellation_type::terminal);
}

boost::asio::awaitable<void> PollGroup::end() {
  cancel();
  // Each end wakes us; the time is only what a wait must have.
  while (!running_.empty()) co_await changed_.wait(std::chrono::minutes(1));
}

void PollGroup::check() const {
  if (broken_) std::rethrow_exception(broken_);
}

}  // namespace bounced::sync
