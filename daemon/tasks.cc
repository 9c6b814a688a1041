// SPDX-License-Identifier: Apache-2.0
#include "daemon/tasks.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "sync/cancelled.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;

bool is_cancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& failure) {
    return sync::was_cancelled(failure);
  } catch (...) {
    return false;
  }
}

}  // namespace

void Tasks::start(asio::awaitable<void> loop) {
  ++running_;
  const auto on_end = [this](const std::exception_ptr& error) {
    --running_;
    if (error && !failure_ && !(cancelled_ && is_cancellation(error))) {
      failure_ = error;
      if (!cancelled_) on_failure_();
    }
    ended_.wake();
  };
  asio::co_spawn(executor_, std::move(loop), asio::bind_cancellation_slot(signals_.emplace_back().slot(), on_end));
}

asio::awaitable<void> Tasks::end() {
  cancelled_ = true;
  for (auto& signal : signals_) signal.emit(asio::cancellation_type::terminal);
  while (running_ > 0) co_await ended_.wait_though_cancelled();
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace bounced::daemon
