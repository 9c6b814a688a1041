// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "db/status.h"

namespace bounced::daemon {

// Whether its next poll is overdue for longer than is usual; not where its account is paused.
bool is_late(const db::CustomerStatus& customer);
bool is_failing(const db::CustomerStatus& customer);

// For people: totals, then what is not well, in lines of at most 100 characters. `queue`: the deletion requests of each
// customer besides.
std::string status_text(const db::Status& status, bool queue = false);

// For people, in one line: how many there are, and what is wrong.
std::string summary_text(const db::Summary& summary);

// All of it, for programs; the keys stay as they are. Times are as "2024-05-06T07:08:09Z", null where there is none.
//   {"now": …,
//    "totals": {"customers", "active", "failing", "held", "never_polled", "late", "current_bounces"},
//    "customers": [{"name", "account", "active", "current_bounces", "last_poll_at", "last_full_at", "next_poll_at",
//                   "late_seconds", "being_polled", "failures", "last_error", "last_error_at", "held_since"}],
//    "accounts": [{"name", "api", "paused_until", "paused_because", "daily_limit", "deletions_today"}],
//    "queue": {"pending", "sending", "failed", "oldest_at",
//              "customers": [{"name", "pending", "sending", "failed", "oldest_at", "next_attempt_at", "last_error",
//                             "waits_for"}]},
//    "daemons": [{"id", "host", "pid", "version", "started", "heartbeat", "alive"}]}
std::string status_json(const db::Status& status);

}  // namespace bounced::daemon
