// SPDX-License-Identifier: Apache-2.0
#include "db/accounts.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

std::optional<int> pause_account(Session& session, const std::string& account, std::chrono::duration<double> length,
                                 const std::string& because, const std::string& asked_at) {
  return session.in_transaction([&](pqxx::work& tx) -> std::optional<int> {
    const pqxx::result rows = exec(tx, sql::pause_account, account, length.count(), because, asked_at);
    if (rows.empty()) return std::nullopt;
    return rows[0][0].as<int>();
  });
}

bool resume_account(Session& session, const std::string& account, const std::string& asked_at) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return exec(tx, sql::resume_account, account, asked_at).affected_rows() > 0; });
}

}  // namespace bounced::db
