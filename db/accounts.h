// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bounced::db {

class Session;

// Makes no daemon call for the account until the time is over. `asked_at`: when the call that failed was made; if the
// account was paused since, this does nothing and returns nothing. `kind`: of the fault, as api::name() says it.
// Returns how often it was paused in a row.
std::optional<int> pause_account(Session& session, const std::string& account, std::chrono::duration<double> length,
                                 const std::string& kind, const std::string& because, const std::string& asked_at);

// Lets accounts that are paused for their credentials be tried again at once: somebody may have put them right.
void retry_credentials(Session& session, const std::vector<std::string>& accounts);

// Ends the pause after a call, made at `asked_at`, that went well. Returns whether there was one to end.
bool resume_account(Session& session, const std::string& account, const std::string& asked_at);

// How an account's calls are spread over time.
struct Pace {
  std::chrono::duration<double> spacing;      // between two calls of whatever daemons
  std::chrono::duration<double> make_up_for;  // what of the past that nobody used may be used late
};

// Turns to call that were taken: `count` of them, the first in `first_in`, the others after it at the pace's spacing.
struct Turns {
  int count = 0;  // 0: ask again when the first one that is free comes within a second
  std::chrono::duration<double> first_in{};
  bool paused = false;  // the account is: there are none
};

// Takes up to `most` turns to call the account's API, of those that come within the next second. They are taken from
// all daemons: a turn that is not used is lost.
Turns take_turns(Session& session, const std::string& account, const Pace& pace, int most);

}  // namespace bounced::db
