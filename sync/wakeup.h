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

 private:
  boost::asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace bounced::sync
