// SPDX-License-Identifier: Apache-2.0
#include "db/status.h"

#include <fmt/format.h>

#include "config/load.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/status_view.h"
#include "daemon/wiring.h"

namespace bounced::daemon {

int status(const std::filesystem::path& config_file, const StatusOptions& options) {
  // It needs the way to the database alone, and is for people who may not read the keys.
  const config::Config config = config::load(config_file, {.keys_unread = true});
  db::Status status;
  db::Options reading = connection_options_of("status", config, config_file);
  reading.reads_only = true;
  with_session(reading, [&](db::Session& session) { status = db::read_status(session); });
  fmt::print("{}", options.json ? status_json(status) : status_text(status, options.queue));
  return well;
}

}  // namespace bounced::daemon
