// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bounced::db {

class Session;

// What a daemon does at the database, done once and rolled back: rights alone do not tell whether it can be done. They
// throw what the daemon would meet.

// The session's temporary tables.
void rehearse_staging(Session& session);
// A row in each table that daemons insert into, with the next numbers of their sequences, which are used up. The schema
// must be up to date.
void rehearse_writing(Session& session);

}  // namespace bounced::db
