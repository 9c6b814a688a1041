// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "db/errors.h"
#include "db/migration_files.h"

namespace bounced::db {

class Session;

struct MigrationEvents {
  std::function<void(const std::string& name)> applying;  // this file comes next
};

// Somebody else migrates the database, for seconds already, and is named. Try again at once.
class AnotherMigrates : public Conflict {
  using Conflict::Conflict;
};

// The names of the files that the database lacks, in order. Works on an empty database, and needs no right but to
// read. Throws NeedsAction when the database is newer than these files, or a file was changed after it was applied.
std::vector<std::string> pending_migrations(Session& session, std::span<const SqlFile> files = migration_files);

// Applies those files, each in a transaction, while nobody else migrates, and gives their names. version: the
// program's, for the record. Throws NeedsAction also when a file fails; what was before that file then stays. Waits for
// nothing longer than seconds: throws AnotherMigrates, or Conflict where somebody has a table locked that a file
// changes. Rest some seconds before you try that again, since everybody's queries wait behind a file that waits.
std::vector<std::string> migrate(Session& session, const std::string& version, const MigrationEvents& events = {},
                                 std::span<const SqlFile> files = migration_files);

}  // namespace bounced::db
