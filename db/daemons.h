// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace bounced::db {

class Session;

// What a daemon says of itself in bounced.daemons.
struct DaemonFacts {
  std::string host;
  int pid = 0;
  std::string version;
};

// A daemon whose last heartbeat is this old, in seconds by the database's clock, is taken for dead and its claims are
// free. The queries in db/sql/ say the same.
inline constexpr int dead_after_seconds = 20;

// Registers a daemon; returns its number.
std::int64_t start_daemon(Session& session, const DaemonFacts& facts);
void heartbeat(Session& session, std::int64_t daemon, const DaemonFacts& facts);
// Gives back what it has claimed and removes it.
void end_daemon(Session& session, std::int64_t daemon);

}  // namespace bounced::db
