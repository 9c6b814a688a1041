// SPDX-License-Identifier: Apache-2.0
#include "sync/stall_check.h"

#include <boost/asio/this_coro.hpp>

#include "sync/wakeup.h"

namespace bounced::sync {

boost::asio::awaitable<void> check_for_stalls(InFlight& in_flight, Observer& observer) {
  Wakeup pause(co_await boost::asio::this_coro::executor);
  while (true) {
    const auto now = InFlight::Clock::now();
    for (const InFlight::Item& item : in_flight.check(now)) {
      observer.on(Stalled{.what = item.what,
                          .whom = item.whom,
                          .waits_for = item.waits_for,
                          .took = now - item.since,
                          .step_took = now - item.step_since});
    }
    co_await pause.wait(InFlight::check_every);
  }
}

}  // namespace bounced::sync
