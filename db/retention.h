// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace bounced::db {

class Session;

// Each removes some of the rows that are older than that, and returns whether there may be more: of bounced.polls, of
// the deletion requests that are finished, and of the bounces that are gone.
bool forget_polls(Session& session, std::chrono::seconds older_than);
bool forget_requests(Session& session, std::chrono::seconds older_than);
bool forget_gone(Session& session, std::chrono::seconds older_than);

}  // namespace bounced::db
