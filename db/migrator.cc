// SPDX-License-Identifier: Apache-2.0
#include "db/migrator.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

constexpr std::int64_t lock_key = 0x626f756e636564;  // "bounced"

// 12 of "0012_name.sql".
int number_of(const SqlFile& file) {
  const std::string_view name = file.name;
  int number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

void refuse_newer(pqxx::work& tx, std::span<const SqlFile> files) {
  const pqxx::result applied =
      exec(tx, "select number, name, version from bounced.schema_migrations order by number desc");
  for (const auto& row : applied) {
    const int number = row[0].as<int>();
    if (std::ranges::find(files, number, number_of) != files.end()) continue;
    throw NeedsAction("the database is newer than this program: bounced " + row[2].as<std::string>() +
                      " applied the migration " + row[1].as<std::string>() +
                      ", which this program does not know: run that version or a later one");
  }
}

std::vector<SqlFile> find_pending(Session& session, std::span<const SqlFile> files) {
  return session.in_transaction([&](pqxx::work& tx) {
    if (exec_row(tx, "select to_regclass('bounced.schema_migrations')")[0].is_null())
      return std::vector<SqlFile>(files.begin(), files.end());
    refuse_newer(tx, files);
    std::vector<SqlFile> pending;
    for (const SqlFile& file : files) {
      const pqxx::result same = exec(tx, sql::compare_migration, number_of(file), file.text);
      if (same.empty())
        pending.push_back(file);
      else if (!same[0][0].as<bool>())
        throw NeedsAction(std::string("the migration ") + file.name +
                          " is not the one that was applied to this database: run the version that made it, or a "
                          "released one; a change to the schema goes into a new file");
    }
    return pending;
  });
}

// Held by the session, so it goes with it if that breaks. The transaction's limits are lifted for the wait only.
class MigrationLock {
 public:
  MigrationLock(Session& session, const std::function<void()>& waiting) : session_(session) {
    session.in_transaction([&](pqxx::work& tx) {
      if (exec_row(tx, "select pg_try_advisory_lock($1)", lock_key)[0].as<bool>()) return;
      if (waiting) waiting();
      exec(tx, "set local statement_timeout = 0; set local lock_timeout = 0");
      exec(tx, "select pg_advisory_lock($1)", lock_key);
    });
  }
  ~MigrationLock() {
    try {
      session_.in_transaction([](pqxx::work& tx) { exec(tx, "select pg_advisory_unlock($1)", lock_key); });
    } catch (const std::exception&) {
      // The session broke: the lock is gone with it.
    }
  }
  MigrationLock(const MigrationLock&) = delete;
  MigrationLock& operator=(const MigrationLock&) = delete;

 private:
  Session& session_;
};

// lock_timeout stays: a file that waits for a lock on a table makes everybody's queries wait behind it.
void apply(Session& session, const SqlFile& file, const std::string& version) {
  const auto failed = [&](const std::exception& e) {
    return std::string("the migration ") + file.name + " failed, and the database is as it was before it: " + e.what();
  };
  try {
    session.in_transaction([&](pqxx::work& tx) {
      limit_statements(tx, std::chrono::seconds(0));
      exec(tx, file.text);
      exec(tx, sql::note_migration, number_of(file), file.name, file.text, version);
    });
  } catch (const Conflict& e) {
    throw Conflict(failed(e));
  } catch (const NeedsAction& e) {
    throw NeedsAction(failed(e));
  } catch (const SqlError& e) {
    throw NeedsAction(failed(e));
  }
}

}  // namespace

std::vector<std::string> pending_migrations(Session& session, std::span<const SqlFile> files) {
  std::vector<std::string> names;
  for (const SqlFile& file : find_pending(session, files)) names.emplace_back(file.name);
  return names;
}

std::vector<std::string> migrate(Session& session, const std::string& version, const MigrationEvents& events,
                                 std::span<const SqlFile> files) {
  std::vector<std::string> applied;
  // Without the lock first, which takes no right: a daemon that may not migrate runs on a database that is up to date.
  if (find_pending(session, files).empty()) return applied;
  const MigrationLock lock(session, events.waiting);
  session.in_transaction([](pqxx::work& tx) { exec(tx, sql::create_schema_migrations); });
  for (const SqlFile& file : find_pending(session, files)) {
    if (events.applying) events.applying(file.name);
    apply(session, file, version);
    applied.emplace_back(file.name);
  }
  return applied;
}

}  // namespace bounced::db
