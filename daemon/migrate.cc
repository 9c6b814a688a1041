// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "config/load.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/text.h"
#include "daemon/wiring.h"
#include "db/migrator.h"

namespace bounced::daemon {
namespace {

void print_pending(db::Session& session) {
  const auto pending = db::pending_migrations(session);
  if (pending.empty()) fmt::print("-- Nothing is pending.\n");
  for (const db::SqlFile& file : db::migration_files) {
    if (std::ranges::find(pending, file.name) != pending.end()) fmt::print("-- {}\n{}\n", file.name, file.text);
  }
}

// Waits for the end of another migration as long as that takes.
std::vector<std::string> migrate_in_turn(db::Session& session) {
  while (true) {
    try {
      return db::migrate(session, BOUNCED_VERSION,
                         {.applying = [](const std::string& name) { fmt::print(stderr, "applying {}\n", name); }});
    } catch (const db::AnotherMigrates& another) {
      fmt::print(stderr, "{}: waiting for its end\n", printable(another.what()));
    }
  }
}

void apply_pending(db::Session& session) {
  const auto applied = migrate_in_turn(session);
  if (applied.empty())
    fmt::print("The database is up to date.\n");
  else
    fmt::print("Applied {}: {}.\n", counted(applied.size(), "migration"),
               printable(fmt::format("{}", fmt::join(applied, ", "))));
}

}  // namespace

int migrate(const std::filesystem::path& config_file, const MigrateOptions& options) {
  const config::Config config = config::load(config_file, {.keys_unread = true});
  with_session(connection_options_of("migrate", config, config_file), options.print ? print_pending : apply_pending);
  return well;
}

}  // namespace bounced::daemon
