// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace bounced::db {

// The database cannot be reached, went away, has no room, or cannot be written to now (a standby). Nobody's failure:
// wait for it.
class Unavailable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The connection broke while a commit was under way: it may have happened or not. Look, do not repeat.
class InDoubt : public Unavailable {
  using Unavailable::Unavailable;
};

// A person must change something at the database first: wrong encoding, no right, no such database, a schema that is
// newer than the program, a migration that failed. what() says what to do.
class NeedsAction : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Another transaction was in the way (deadlock, serialization, lock_timeout), or a statement took longer than its
// limit. The transaction is rolled back and the session still good: the same work may succeed later. Nothing here
// repeats it, since only the caller knows what else the work has done meanwhile.
class Conflict : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The server refused a statement for any other reason.
class SqlError : public std::runtime_error {
 public:
  SqlError(const std::string& text, std::string sqlstate) : std::runtime_error(text), sqlstate_(std::move(sqlstate)) {}
  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// What may pass by itself or needs a person, and is not the fault of the work that met it: wait, and try again.
inline bool is_database_fault(const std::exception& error) {
  return dynamic_cast<const Unavailable*>(&error) != nullptr || dynamic_cast<const NeedsAction*>(&error) != nullptr ||
         dynamic_cast<const Conflict*>(&error) != nullptr;
}

}  // namespace bounced::db
