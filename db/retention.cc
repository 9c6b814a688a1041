// SPDX-License-Identifier: Apache-2.0
#include "db/retention.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

namespace {

bool forget(Session& session, const char* statement, std::chrono::seconds older_than) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return exec(tx, statement, older_than.count()).affected_rows() > 0; });
}

}  // namespace

bool forget_polls(Session& session, std::chrono::seconds older_than) {
  return forget(session, sql::forget_polls, older_than);
}

bool forget_requests(Session& session, std::chrono::seconds older_than) {
  return forget(session, sql::forget_requests, older_than);
}

bool forget_gone(Session& session, std::chrono::seconds older_than) {
  return forget(session, sql::forget_gone, older_than);
}

}  // namespace bounced::db
