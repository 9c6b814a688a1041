// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace bounced::db {

// Whatever the database did not do. What is none of these is a bug, or no matter of the database.
class Error : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The session is broken, the database cannot be reached, or it cannot be written to now (a standby). Nobody's failure:
// wait for it.
class Unavailable : public Error {
  using Error::Error;
};

// The connection broke while a commit was under way: it may have happened or not. Look, do not repeat.
class InDoubt : public Unavailable {
  using Unavailable::Unavailable;
};

// A person must change something at the database first: wrong encoding, no right, no such database, a schema that is
// newer than the program, a migration that failed. what() says what to do.
class NeedsAction : public Error {
  using Error::Error;
};

// A statement was refused for want of a right. The session is as good as before.
class NoRight : public NeedsAction {
  using NeedsAction::NeedsAction;
};

// Another transaction was in the way (deadlock, serialization, lock_timeout), or a statement took longer than its
// limit. The transaction is rolled back and the session still good: the same work may succeed later. Nothing here
// repeats it, since only the caller knows what else the work has done meanwhile.
class Conflict : public Error {
  using Error::Error;
};

// The server refused a statement for any other reason: a full disk, a limit, a trigger that denies.
class SqlError : public Error {
 public:
  SqlError(const std::string& text, std::string sqlstate) : Error(text), sqlstate_(std::move(sqlstate)) {}
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// The database is away: there is no session that could do this work, or any other. Wait until there is one. Every other
// error is of the work that met it, which fails and is tried again later: the next one may go well.
inline bool is_absence(const std::exception& error) {
  return dynamic_cast<const Unavailable*>(&error) != nullptr ||
         (dynamic_cast<const NeedsAction*>(&error) != nullptr && dynamic_cast<const NoRight*>(&error) == nullptr);
}

// Any error of the database, absence among them: what a loop that must go on waits out.
inline bool is_database_fault(const std::exception& error) {
  return dynamic_cast<const Error*>(&error) != nullptr;
}

}  // namespace bounced::db
