// SPDX-License-Identifier: Apache-2.0
#include "db/rehearsal.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

void run_and_roll_back(Session& session, const char* sql) {
  session.with_connection([sql](pqxx::connection& connection) {
    pqxx::work tx(connection);
    tx.exec(sql);
    tx.abort();
  });
}

}  // namespace

void rehearse_staging(Session& session) {
  run_and_roll_back(session, sql::rehearse_staging);
}

void rehearse_writing(Session& session) {
  run_and_roll_back(session, sql::rehearse_writing);
}

}  // namespace bounced::db
