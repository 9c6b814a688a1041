// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "sync/poller.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// The polls in flight: at most so many at once, and of each account at most its share.
//
// How many are started, that is: their calls ask for their places themselves (sync/admission.h). A poll that waits for
// its turn under a rate limit takes no place here, nor does one that has been reading for long (up to as many again).
// Of customers whose polls take long no more are started than have a place, nor of an account of which nobody has
// answered lately.
class PollGroup {
 public:
  using OnEnd = std::function<void(const db::Claim&, const PollResult&)>;

  // `settings.concurrency` is read anew each time. `changed` is woken whenever there may be a place.
  PollGroup(boost::asio::any_io_executor executor, Poller poller, Accounts& accounts, const config::Polling& settings,
            Wakeup& changed);

  void start(db::Claim claim, OnEnd on_end);

  // How many more may be started, in all and of each account that may have any.
  [[nodiscard]] int free() const;
  [[nodiscard]] std::vector<db::Places> places() const;
  // Customers not to be started now: whose polls are in flight, and slow ones for whom there is no place.
  [[nodiscard]] std::vector<int> not_now() const;
  [[nodiscard]] bool empty() const { return polls_.empty(); }

  // Breaks all polls off, once: what they do after that, to give their claims back, is not broken off. They end soon,
  // and those that are started later end at once.
  void cancel();
  // The same, and waits until they have ended. The coroutine must not throw by itself where it is cancelled.
  boost::asio::awaitable<void> end();
  // Rethrows what broke a poll in a way that it could not handle itself: the process should end.
  void check() const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Poll {
    boost::asio::cancellation_signal signal;
    std::string account;
    std::optional<Clock::time_point> sent_at;  // none: it waits for its turn
  };
  struct Count {
    int all = 0;
    int waiting = 0;
    int slow = 0;
  };

  [[nodiscard]] std::shared_ptr<Account> account_of_slow(const std::string& customer) const;
  [[nodiscard]] bool is_slow(int customer, const Poll& poll, Clock::time_point now) const;
  [[nodiscard]] std::unordered_map<std::string, Count> count() const;
  void ended(const db::Claim& claim);

  boost::asio::any_io_executor executor_;
  Poller poller_;
  Accounts& accounts_;
  const config::Polling& settings_;
  Wakeup& changed_;
  std::map<int, Poll> polls_;        // by customer
  std::map<int, std::string> slow_;  // customers whose last poll took long, by name
  bool cancelled_ = false;
  std::exception_ptr broken_;
};

}  // namespace bounced::sync
