// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace bounced::db {

class Session;

// Each removes some of the rows that are older than that, and returns whether there may be more: of bounced.polls, and
// of the requests in bounced.deletion_requests that are done or cancelled.
bool forget_polls(Session& session, std::chrono::seconds older_than);
bool forget_requests(Session& session, std::chrono::seconds older_than);

}  // namespace bounced::db
