// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <exception>
#include <functional>
#include <list>

#include "sync/wakeup.h"

namespace bounced::daemon {

// Loops that run beside the main one, until they are cancelled.
class Tasks {
 public:
  // on_failure is called when a loop has failed, which is the end of the process in good order.
  Tasks(const boost::asio::any_io_executor& executor, std::function<void()> on_failure)
      : executor_(executor), on_failure_(std::move(on_failure)), ended_(executor) {}

  void start(boost::asio::awaitable<void> loop);

  // Ends all of them soon, and waits for that. Rethrows what made one fail.
  boost::asio::awaitable<void> end();

 private:
  boost::asio::any_io_executor executor_;
  std::function<void()> on_failure_;
  sync::Wakeup ended_;
  std::list<boost::asio::cancellation_signal> signals_;
  int running_ = 0;
  bool cancelled_ = false;
  std::exception_ptr failure_;
};

}  // namespace bounced::daemon
