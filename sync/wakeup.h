// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace bounced::sync {

// A loop sleeps in wait() until it is time or somebody calls wake(), which is remembered if the loop is not asleep.
// For one waiting coroutine, on one thread. Cancelling the coroutine ends the wait too, without an exception.
class Wakeup {
 public:
  explicit Wakeup(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  void wake() {
    woken_ = true;
    timer_.cancel();
  }

  boost::asio::awaitable<void> wait(std::chrono::duration<double> at_most);

  // When wait() was called last (at first: when this was made), that is, when the loop came round.
  [[nodiscard]] std::chrono::steady_clock::time_point waited_at() const { return waited_at_; }

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = false;
  std::chrono::steady_clock::time_point waited_at_ = std::chrono::steady_clock::now();
};

}  // namespace bounced::sync
