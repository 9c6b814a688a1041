// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace bounced::db {

class Session;

// What a daemon says of itself in bounced.daemons.
struct DaemonFacts {
  std::string host;
  int pid = 0;
  std::string version;
  // What tells on the same machine whether the process is still there; empty and 0 where nobody can tell.
  std::string machine = {};
  std::int64_t process_start = 0;
};

// A daemon whose last heartbeat is this old, in seconds by the database's clock, is taken for dead and its claims are
// free. The view bounced.live_daemons says the same.
inline constexpr int dead_after_seconds = 20;

// Registers a daemon; returns its number. Removes those of the same machine that is_gone(pid, process_start) says are
// no more, so that their claims are free at once.
std::int64_t start_daemon(
    Session& session, const DaemonFacts& facts,
    const std::function<bool(int, std::int64_t)>& is_gone = [](int, std::int64_t) { return false; });

// Of an account, how many live daemons have it, this one among them, and how many of those come before this one.
struct AccountShare {
  std::string account;
  int daemons = 1;
  int before = 0;

  bool operator==(const AccountShare&) const = default;
};

// After a failover that lost the daemon's row, another one has got its number. It has to start anew, without
// end_daemon(), which would be the other's end.
class NumberTaken : public std::runtime_error {
 public:
  explicit NumberTaken(std::int64_t daemon)
      : std::runtime_error("the database gave this daemon's number, " + std::to_string(daemon) +
                           ", to another one, after a failover that lost its row: start this one again") {}
};

// What a daemon does, for people to see.
struct DaemonAtWork {
  std::string in_flight = R"({"count":0,"oldest":[]})";  // JSON
  std::int64_t stalls = 0;                               // since its start
};

// Says that the daemon is alive, and what it is at. `since_last`: how long ago it said so last, by its own clock, which
// shows a jump of the database's: what such a jump left waiting for too long is due then. Returns with whom it shares
// its accounts, as far as they have registered. Throws
std::vector<AccountShare> heartbeat(Session& session, std::int64_t daemon, const DaemonFacts& facts,
                                    std::optional<std::chrono::duration<double>> since_last = std::nullopt,
                                    const DaemonAtWork& at_work = {});

// Gives back what it has claimed and removes it.
void end_daemon(Session& session, std::int64_t daemon);

}  // namespace bounced::db
