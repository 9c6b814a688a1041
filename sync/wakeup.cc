// SPDX-License-Identifier: Apache-2.0
#include "sync/wakeup.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bounced::sync {

boost::asio::awaitable<void> Wakeup::wait(std::chrono::duration<double> at_most) {
  waited_at_ = std::chrono::steady_clock::now();
  if (!woken_) {
    timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(at_most));
    co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  woken_ = false;
}

}  // namespace bounced::sync
