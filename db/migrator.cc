// SPDX-License-Identifier: Apache-2.0
#include "db/migrator.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

constexpr const char* applied_table = "bounced.schema_migrations";

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

bool is_pending(pqxx::work& tx, const SqlFile& file) {
  const pqxx::result same = exec(tx, sql::compare_migration, number_of(file), file.text);
  if (!same.empty() && !same[0][0].as<bool>())
    throw NeedsAction(std::string("the migration ") + file.name +
                      " is not the one that was applied to this database: run the version that made it, or a "
                      "released one; a change to the schema goes into a new file");
  return same.empty();
}

std::vector<SqlFile> find_pending(Session& session, std::span<const SqlFile> files) {
  return session.in_transaction([&](pqxx::work& tx) {
    if (exec_row(tx, "select to_regclass('bounced.schema_migrations')")[0].is_null())
      return std::vector<SqlFile>(files.begin(), files.end());
    refuse_newer(tx, files);
    std::vector<SqlFile> pending;
    for (const SqlFile& file : files)
      if (is_pending(tx, file)) pending.push_back(file);
    return pending;
  });
}

// Two that make it at the same time meet in the catalogue; the one that comes later finds it made.
void create_applied_table(Session& session) {
  constexpr auto made_by_another = std::to_array({"23505", "42P06", "42P07"});
  for (int tries_left = 3;;) {
    try {
      return session.in_transaction([](pqxx::work& tx) {
        const bool made = !exec_row(tx, "select to_regclass($1)", applied_table)[0].is_null();
        if (!made) exec(tx, sql::create_schema_migrations);
      });
    } catch (const SqlError& error) {
      if (--tries_left == 0 || std::ranges::find(made_by_another, error.sqlstate()) == made_by_another.end()) throw;
    }
  }
}

// One migration at a time, by a lock that nobody can take who may only read.
void lock_applied_table(pqxx::work& tx) {
  exec(tx, "set local lock_timeout = '5s'");
  exec(tx, "lock table bounced.schema_migrations in share row exclusive mode");
}

// Returns whether it was still to be applied.
bool apply(Session& session, std::span<const SqlFile> files, const SqlFile& file, const std::string& version,
           const MigrationEvents& events) {
  const auto failed = [&](const std::exception& e) {
    return std::string("the migration ") + file.name + " failed, and the database is as it was before it: " + e.what();
  };
  bool locked = false;
  try {
    return session.in_transaction([&](pqxx::work& tx) {
      lock_applied_table(tx);
      locked = true;
      refuse_newer(tx, files);
      if (!is_pending(tx, file)) return false;
      if (events.applying) events.applying(file.name);
      limit_statements(tx, std::chrono::seconds(0));
      // Everybody's queries wait behind a file that waits for a lock on a table.
      exec(tx, "set local lock_timeout = '3s'");
      exec(tx, file.text);
      exec(tx, sql::note_migration, number_of(file), file.name, file.text, version);
      return true;
    });
  } catch (const Conflict& e) {
    if (locked) throw Conflict(failed(e));
    throw AnotherMigrates("another migration is under way: " + lock_holders(session, applied_table) + ": " + e.what());
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
  // Takes no lock and no right: a daemon that may not migrate runs on a database that is up to date.
  const std::vector<SqlFile> pending = find_pending(session, files);
  if (pending.empty()) return applied;
  create_applied_table(session);
  for (const SqlFile& file : pending) {
    if (apply(session, files, file, version, events)) applied.emplace_back(file.name);
  }
  return applied;
}

}  // namespace bounced::db
