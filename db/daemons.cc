// SPDX-License-Identifier: Apache-2.0
#include "db/daemons.h"

#include <vector>

#include "db/customers.h"
#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

std::int64_t start_daemon(Session& session, const DaemonFacts& facts,
                          const std::function<bool(int, std::int64_t)>& is_gone) {
  return session.in_transaction([&](pqxx::work& tx) {
    std::vector<std::int64_t> gone;
    if (!facts.machine.empty()) {
      for (const auto& row : exec(tx, sql::daemons_of_machine, facts.machine)) {
        if (is_gone(row[1].as<int>(), row[2].as<std::int64_t>())) gone.push_back(row[0].as<std::int64_t>());
      }
    }
    return exec_row(tx, sql::start_daemon, facts.host, facts.pid, facts.version, facts.machine, facts.process_start,
                    gone)[0]
        .as<std::int64_t>();
  });
}

std::vector<AccountShare> heartbeat(Session& session, std::int64_t daemon, const DaemonFacts& facts,
                                    std::optional<std::chrono::duration<double>> since_last,
                                    const DaemonAtWork& at_work) {
  const auto seconds = since_last ? std::optional(since_last->count()) : std::nullopt;
  bool met_another = false;
  auto shares = session.in_transaction([&](pqxx::work& tx) {
    const pqxx::result written = exec(tx, sql::heartbeat, daemon, facts.host, facts.pid, facts.version, facts.machine,
                                      facts.process_start, seconds, at_work.in_flight, at_work.stalls);
    if (written.empty()) throw NumberTaken(daemon);
    met_another = written[0][0].as<bool>();
    std::vector<AccountShare> shared;
    for (const auto& row : exec(tx, sql::account_shares, daemon)) {
      shared.push_back({row[0].as<std::string>(), row[1].as<int>(), row[2].as<int>()});
    }
    return shared;
  });
  if (met_another) mend_times(session);
  return shares;
}

void end_daemon(Session& session, std::int64_t daemon) {
  session.in_transaction([&](pqxx::work& tx) {
    exec(tx, sql::recover_requests, daemon, std::vector<std::int64_t>{});
    exec(tx, sql::end_daemon, daemon);
  });
}

}  // namespace bounced::db
