// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace bounced::db {

class Session;

// Makes no daemon call for the account until the time is over. `asked_at`: when the call that failed was made; if the
// account was paused since, this does nothing and returns nothing. Returns how often it was paused in a row.
std::optional<int> pause_account(Session& session, const std::string& account, std::chrono::duration<double> length,
                                 const std::string& because, const std::string& asked_at);

// Ends the pause after a call, made at `asked_at`, that went well. Returns whether there was one to end.
bool resume_account(Session& session, const std::string& account, const std::string& asked_at);

}  // namespace bounced::db
