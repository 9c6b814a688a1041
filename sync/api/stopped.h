// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace bounced::api {

// Throws operation_aborted if the coroutine was cancelled. To be asked wherever the network is waited for: what the
// sink does between does not end when it is cancelled, and some coroutines are set not to throw by themselves.
inline boost::asio::awaitable<void> throw_if_stopped() {
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) {
    throw boost::system::system_error(boost::asio::error::operation_aborted);
  }
}

}  // namespace bounced::api
