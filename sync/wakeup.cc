// SPDX-License-Identifier: Apache-2.0
#include "sync/wakeup.h"

namespace bounced::sync {

using Clock = std::chrono::steady_clock;

boost::asio::awaitable<void> Wakeup::wait() {
  co_await wait_until(Clock::time_point::max(), WhenCancelled::wait_ends);
}

boost::asio::awaitable<void> Wakeup::wait_though_cancelled(Clock::time_point until) {
  co_await wait_until(until, WhenCancelled::wait_goes_on);
}

boost::asio::awaitable<void> Wakeup::wait(std::chrono::duration<double> at_most) {
  co_await wait_until(Clock::now() + std::chrono::duration_cast<Clock::duration>(at_most), WhenCancelled::wait_ends);
}

boost::asio::awaitable<void> Wakeup::wait_until(Clock::time_point until, WhenCancelled when_cancelled) {
  waited_at_ = Clock::now();
  if (!woken_) co_await waiting_.wait(until, when_cancelled);
  woken_ = false;
}

}  // namespace bounced::sync
