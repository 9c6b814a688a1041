// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "db/status.h"

namespace bounced::daemon {

// What `bounced status --check` tells a monitoring system: its exit code, and one line.
struct Health {
  enum State : int { ok = 0, degraded = 1, down = 2 };
  State state;
  std::string line;  // "DOWN: no daemon is running; …": what is wrong comes first
};

// Down: no daemon has said of late that it is alive. Degraded: customers fail or are late, accounts are paused,
// something stalled, a deletion request has waited for more than an hour, or lists are held.
Health health_of(const db::Status& status);

// The database cannot be asked, or has no schema.
Health down(const std::string& why);

}  // namespace bounced::daemon
