// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.h"

#include "config/load.h"

namespace bounced::daemon {
namespace {

void warn_of_restart(const config::Config& current, const config::Config& next, Log& log) {
  if (next.database.url != current.database.url || next.database.connections != current.database.connections) {
    log.warning("changed settings need a restart", {{"key", std::string("database")}});
  }
  if (next.log.format != current.log.format) {
    log.warning("changed settings need a restart", {{"key", std::string("log.format")}});
  }
}

}  // namespace

std::optional<config::Config> read_again(const std::filesystem::path& file, const config::Config& current, Log& log) {
  try {
    config::Config next = config::load(file);
    warn_of_restart(current, next, log);
    return next;
  } catch (const config::Invalid& invalid) {
    for (const config::Problem& problem : invalid.problems()) {
      log.error("the configuration is wrong, and was not reloaded", {{"problem", problem.text()}});
    }
    return std::nullopt;
  }
}

}  // namespace bounced::daemon
