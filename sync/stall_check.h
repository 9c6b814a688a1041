// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>

#include "sync/events.h"
#include "sync/in_flight.h"

namespace bounced::sync {

// Looks every few seconds for what is in flight and has outlived its deadline, breaks it off and reports it. Until it
// is cancelled. What cannot be broken off is left to the watchdog (see InFlight::stuck()).
boost::asio::awaitable<void> check_for_stalls(InFlight& in_flight, Observer& observer);

}  // namespace bounced::sync
