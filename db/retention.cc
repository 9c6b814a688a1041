// SPDX-License-Identifier: Apache-2.0
#include "db/retention.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

bool forget_polls(Session& session, std::chrono::seconds older_than) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return exec(tx, sql::forget_polls, older_than.count()).affected_rows() > 0; });
}

bool forget_requests(Session& session, std::chrono::seconds older_than) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return exec(tx, sql::forget_requests, older_than.count()).affected_rows() > 0; });
}

}  // namespace bounced::db
