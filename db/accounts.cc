// SPDX-License-Identifier: Apache-2.0
#include "db/accounts.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

std::optional<int> pause_account(Session& session, const std::string& account, std::chrono::duration<double> length,
                                 const std::string& kind, const std::string& because, const std::string& asked_at,
                                 const std::string& calls) {
  return session.in_transaction([&](pqxx::work& tx) -> std::optional<int> {
    const pqxx::result rows = exec(tx, sql::pause_account, account, length.count(), because, asked_at, kind, calls);
    if (rows.empty()) return std::nullopt;
    return rows[0][0].as<int>();
  });
}

void end_pauses(Session& session, const std::vector<std::string>& accounts) {
  session.in_transaction([&](pqxx::work& tx) { exec(tx, sql::end_pauses, accounts); });
}

bool resume_account(Session& session, const std::string& account, const std::string& asked_at,
                    const std::string& calls) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return exec(tx, sql::resume_account, account, asked_at, calls).affected_rows() > 0; });
}

Turns take_turns(Session& session, const std::string& account, const Pace& pace, int lists, int deletions,
                 int subusers) {
  return session.in_transaction([&](pqxx::work& tx) {
    const pqxx::row row = exec_row(tx, sql::take_turns, account, pace.spacing.count(), lists, pace.make_up_for.count(),
                                   deletions, subusers);
    return Turns{.count = row[0].as<int>(),
                 .first_in = std::chrono::duration<double>(row[1].as<double>()),
                 .lists_paused_for = std::chrono::duration<double>(row[2].as<double>()),
                 .deletions_paused_for = std::chrono::duration<double>(row[3].as<double>()),
                 .subusers_paused_for = std::chrono::duration<double>(row[4].as<double>())};
  });
}

}  // namespace bounced::db
