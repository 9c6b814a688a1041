// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bounced::db {

class Session;

struct Pause {
  std::optional<int> times;                 // in a row; nothing: it had been paused already, since the call was made
  std::chrono::duration<double> length{0};  // from now on
};
// Makes no daemon call the account until the time is over. `calls`: which ones, "lists", "deletions", "subusers" or
// "all". `asked_at`: when the call that failed was made; if they were paused since, that pause stands. `kind`: of the
// fault, as api::name() says it. Waits for somebody who holds the account's row for some seconds at most.
Pause pause_account(Session& session, const std::string& account, std::chrono::duration<double> length,
                    const std::string& kind, const std::string& because, const std::string& asked_at,
                    const std::string& calls = "all");

// Lets the accounts be tried again at once: their credentials or their server may be right now. Pauses that the API
// asked for (rate_limited) stand. Returns those that this was done for: not where somebody holds an account's row.
std::vector<std::string> end_pauses(Session& session, const std::vector<std::string>& accounts);

struct Resumed {
  bool ended = false;             // there was a pause to end
  std::vector<std::string> left;  // kinds of call that are paused, or were; "all"

  bool operator==(const Resumed&) const = default;
};
// After a call of that kind, made at `asked_at`, that went well: ends the pause of such calls that was made before it,
// and that of all calls. Nothing: somebody holds the account's row, and the next call does it.
std::optional<Resumed> resume_account(Session& session, const std::string& account, const std::string& asked_at,
                                      const std::string& calls);

// How an account's calls are spread over time.
struct Pace {
  std::chrono::duration<double> spacing;      // between two calls of whatever daemons
  std::chrono::duration<double> make_up_for;  // what of the past that nobody used may be used late
};

// Turns to call that were taken: `count` of them, the first in `first_in`, the others after it at the pace's spacing.
struct Turns {
  int count = 0;  // 0: ask again when the first one that is free comes within a second
  std::chrono::duration<double> first_in{};
  // There are none for them, for so long.
  std::chrono::duration<double> lists_paused_for{};
  std::chrono::duration<double> deletions_paused_for{};
  std::chrono::duration<double> subusers_paused_for{};
};

// Takes up to `lists`, `deletions` and `subusers` turns to call the account's API, of those that come within the next
// second. They are taken from all daemons: a turn that is not used is lost.
Turns take_turns(Session& session, const std::string& account, const Pace& pace, int lists, int deletions = 0,
                 int subusers = 0);

}  // namespace bounced::db
