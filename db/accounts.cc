// SPDX-License-Identifier: Apache-2.0
#include "db/accounts.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

Pause pause_account(Session& session, const std::string& account, std::chrono::duration<double> length,
                    const std::string& kind, const std::string& because, const std::string& asked_at,
                    const std::string& calls) {
  return session.in_transaction([&](pqxx::work& tx) {
    const pqxx::result rows = exec(tx, sql::pause_account, account, length.count(), because, asked_at, kind, calls);
    // Who is not registered (any more) cannot be paused.
    if (rows.empty()) return Pause{.times = {}, .length = length};
    const auto times = rows[0][0].is_null() ? std::nullopt : std::optional(rows[0][0].as<int>());
    return Pause{.times = times, .length = std::chrono::duration<double>(rows[0][1].as<double>())};
  });
}

std::vector<std::string> end_pauses(Session& session, const std::vector<std::string>& accounts) {
  return session.in_transaction([&](pqxx::work& tx) {
    std::vector<std::string> done;
    for (const auto& row : exec(tx, sql::end_pauses, accounts)) done.push_back(row[0].as<std::string>());
    return done;
  });
}

std::optional<Resumed> resume_account(Session& session, const std::string& account, const std::string& asked_at,
                                      const std::string& calls) {
  return session.in_transaction([&](pqxx::work& tx) -> std::optional<Resumed> {
    const pqxx::result rows = exec(tx, sql::resume_account, account, asked_at, calls);
    if (rows.empty()) return std::nullopt;
    Resumed resumed{.ended = rows[0][0].as<bool>(), .left = {}};
    for (const char* which : {"lists", "deletions", "subusers", "all"}) {
      if (rows[0][1].as<std::string>().find(which) != std::string::npos) resumed.left.emplace_back(which);
    }
    return resumed;
  });
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
