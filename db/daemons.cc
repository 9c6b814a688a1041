// SPDX-License-Identifier: Apache-2.0
#include "db/daemons.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

std::int64_t start_daemon(Session& session, const DaemonFacts& facts) {
  return session.in_transaction([&](pqxx::work& tx) {
    return exec(tx, sql::start_daemon, facts.host, facts.pid, facts.version)[0][0].as<std::int64_t>();
  });
}

void heartbeat(Session& session, std::int64_t daemon, const DaemonFacts& facts) {
  session.in_transaction(
      [&](pqxx::work& tx) { exec(tx, sql::heartbeat, daemon, facts.host, facts.pid, facts.version); });
}

void end_daemon(Session& session, std::int64_t daemon) {
  session.in_transaction([&](pqxx::work& tx) { exec(tx, sql::end_daemon, daemon); });
}

}  // namespace bounced::db
