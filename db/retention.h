// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace bounced::db {

class Session;

// Removes some of the rows of bounced.polls that are older than that. Returns whether there may be more.
bool forget_polls(Session& session, std::chrono::seconds older_than);

}  // namespace bounced::db
