// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "db/status.h"

namespace bounced::daemon {

// For people: totals, then what is not well, in lines of at most 100 characters.
std::string status_text(const db::Status& status);

// All of it, for programs; the keys stay as they are. Times are as "2024-05-06T07:08:09Z", null where there is none.
//   {"now": …,
//    "totals": {"customers", "active", "failing", "held", "never_polled", "late", "current_bounces"},
//    "customers": [{"name", "account", "active", "current_bounces", "last_poll_at", "last_full_at", "next_poll_at",
//                   "late_seconds", "being_polled", "failures", "last_error", "last_error_at", "held_since"}],
//    "accounts": [{"name", "api", "paused_until", "paused_because"}],
//    "daemons": [{"id", "host", "pid", "version", "started", "heartbeat", "alive"}]}
std::string status_json(const db::Status& status);

}  // namespace bounced::daemon
