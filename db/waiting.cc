// SPDX-License-Identifier: Apache-2.0
#include "db/waiting.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bounced {

namespace asio = boost::asio;

WaitList::Waiter::Waiter(WaitList& list)
    : list_(&list), place_(list.waiters_.insert(list.waiters_.end(), this)), timer_(list.executor_) {}

asio::awaitable<Waited> WaitList::Waiter::wait(Clock::time_point until, WhenCancelled when_cancelled) {
  const bool heeds = when_cancelled == WhenCancelled::wait_ends;
  const auto state = co_await asio::this_coro::cancellation_state;
  const bool stopped = heeds && state.cancelled() != asio::cancellation_type::none;
  // Who was cancelled before gives the others a chance too: a loop that overlooks it holds up nobody.
  timer_.expires_at(stopped ? Clock::time_point::min() : until);
  while (!ended_) {
    const auto [error] = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!ended_ && !error) ended_ = stopped ? Waited::cancelled : Waited::timed_out;
    if (!ended_ && heeds) ended_ = Waited::cancelled;
  }
  leave();
  co_return *ended_;
}

// The timer's handler is posted by its executor: nobody runs inside this call.
void WaitList::Waiter::end(Waited how) {
  leave();
  ended_ = how;
  timer_.cancel();
}

void WaitList::Waiter::leave() {
  if (list_ != nullptr) list_->waiters_.erase(place_);
  list_ = nullptr;
}

asio::awaitable<Waited> WaitList::wait(Clock::time_point until, WhenCancelled when_cancelled) {
  Waiter waiter(*this);
  co_return co_await waiter.wait(until, when_cancelled);
}

bool WaitList::end_first(Waited how) {
  if (waiters_.empty()) return false;
  waiters_.front()->end(how);
  return true;
}

}  // namespace bounced
