// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <exception>
#include <functional>
#include <map>
#include <vector>

#include "sync/poller.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// The polls in flight: at most so many at once, and of each account at most as many as it allows.
class PollGroup {
 public:
  using OnEnd = std::function<void(const db::Claim&, const PollResult&)>;

  // `changed` is woken whenever a poll has ended.
  PollGroup(boost::asio::any_io_executor executor, Poller poller, Accounts& accounts, int concurrency, Wakeup& changed);

  void start(db::Claim claim, OnEnd on_end);

  // How many more may be started, in all and of each account that may have any.
  [[nodiscard]] int free() const { return concurrency_ - static_cast<int>(running_.size()); }
  [[nodiscard]] std::vector<db::Places> places() const;
  // The customers whose polls are in flight.
  [[nodiscard]] std::vector<int> customers() const;
  [[nodiscard]] bool empty() const { return running_.empty(); }

  // Breaks all polls off; they end soon.
  void cancel();
  // The same, and waits until they have ended.
  boost::asio::awaitable<void> end();
  // Rethrows what broke a poll in a way that it could not handle itself: the process should end.
  void check() const;

 private:
  boost::asio::any_io_executor executor_;
  Poller poller_;
  Accounts& accounts_;
  int concurrency_;
  Wakeup& changed_;
  std::map<int, boost::asio::cancellation_signal> running_;  // by customer
  std::exception_ptr broken_;
};

}  // namespace bounced::sync
