// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <utility>

#include "db/waiting.h"

namespace bounced::sync {

// A loop sleeps in wait() until it is time or somebody calls wake(), which is remembered if the loop is not asleep.
// For one waiting coroutine, on one thread. Cancelling the coroutine ends the wait too, without an exception.
class Wakeup {
 public:
  explicit Wakeup(boost::asio::any_io_executor executor) : waiting_(std::move(executor)) {}

  void wake() {
    woken_ = true;
    waiting_.release_all();
  }

  boost::asio::awaitable<void> wait();
  // Not even cancelling ends this one. For who winds up, and does not throw by itself.
  boost::asio::awaitable<void> wait_though_cancelled(
      std::chrono::steady_clock::time_point until = std::chrono::steady_clock::time_point::max());
  boost::asio::awaitable<void> wait(std::chrono::duration<double> at_most);

  // When wait() was called last (at first: when this was made), that is, when the loop came round.
  [[nodiscard]] std::chrono::steady_clock::time_point waited_at() const { return waited_at_; }

 private:
  boost::asio::awaitable<void> wait_until(std::chrono::steady_clock::time_point until, WhenCancelled when_cancelled);

  WaitList waiting_;
  bool woken_ = false;
  std::chrono::steady_clock::time_point waited_at_ = std::chrono::steady_clock::now();
};

}  // namespace bounced::sync
