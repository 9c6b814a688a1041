// SPDX-License-Identifier: Apache-2.0
#include "db/status.h"

#include "db/grants.h"
#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

using Column = pqxx::row::size_type;

// Two columns: the text, and seconds ago.
std::optional<Moment> moment_at(const pqxx::row& row, Column column) {
  if (row[column].is_null()) return std::nullopt;
  return Moment{row[column].as<std::string>(), row[column + 1].as<double>()};
}

CustomerStatus customer_from(const pqxx::row& row) {
  return {.name = row[0].as<std::string>(),
          .account = row[1].as<std::string>(),
          .active = row[2].as<bool>(),
          .failures = row[3].as<int>(),
          .last_error = get<std::string>(row[4]),
          .last_error_at = moment_at(row, 8),
          .last_poll_at = moment_at(row, 10),
          .last_full_at = moment_at(row, 12),
          .next_poll_at = moment_at(row, 14).value_or(Moment{}),
          .held_since = moment_at(row, 16),
          .current_bounces = row[5].as<std::int64_t>(),
          .being_polled = row[6].as<bool>(),
          .poll_every = row[18].as<double>(),
          .account_paused = row[7].as<bool>()};
}

std::vector<QueueStatus> queue_in(pqxx::work& tx) {
  std::vector<QueueStatus> queue;
  for (const auto& row : exec(tx, sql::status_queue)) {
    queue.push_back({.customer = row[0].as<std::string>(),
                     .pending = row[1].as<std::int64_t>(),
                     .sending = row[2].as<std::int64_t>(),
                     .failed = row[3].as<std::int64_t>(),
                     .oldest = moment_at(row, 5),
                     .next_attempt = moment_at(row, 7),
                     .last_error = get<std::string>(row[4]),
                     .waits_for = row[9].as<std::string>()});
  }
  return queue;
}

std::vector<std::string> rights_lacking_in(pqxx::work& tx) {
  std::vector<std::string> lacking;
  for (const auto& right : exec(tx, sql::status_rights, bounced_daemon_grants))
    lacking.push_back(right[0].as<std::string>());
  return lacking;
}

int backend_of(Session& session) {
  return session.in_transaction([](pqxx::work& tx) { return exec_row(tx, "select pg_backend_pid()")[0].as<int>(); });
}

}  // namespace

Status read_status(Session& session) {
  return session.in_transaction([](pqxx::work& tx) {
    if (exec_row(tx, "select to_regclass('bounced.customers')")[0].is_null()) {
      throw NeedsAction("the database has no bounced schema yet: run `bounced migrate`, or start the daemon");
    }
    Status status;
    status.now = {exec_row(tx, "select to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")[0].as<std::string>(), 0};
    for (const auto& row : exec(tx, sql::status_customers)) status.customers.push_back(customer_from(row));
    for (const auto& row : exec(tx, sql::status_accounts)) {
      status.accounts.push_back({.name = row[0].as<std::string>(),
                                 .api = row[1].as<std::string>(),
                                 .paused_until = moment_at(row, 3),
                                 .paused_because = get<std::string>(row[2]),
                                 .daily_limit = get<int>(row[5]),
                                 .deletions_today = get<int>(row[6]).value_or(0)});
    }
    status.queue = queue_in(tx);
    for (const auto& row : exec(tx, sql::status_daemons)) {
      status.daemons.push_back({.id = row[0].as<std::int64_t>(),
                                .host = row[1].as<std::string>(),
                                .pid = row[2].as<int>(),
                                .version = row[3].as<std::string>(),
                                .started = moment_at(row, 5).value_or(Moment{}),
                                .heartbeat = moment_at(row, 7).value_or(Moment{}),
                                .alive = row[4].as<bool>(),
                                .customers = row[9].as<int>(),
                                .disagrees = row[10].as<int>(),
                                .in_flight = row[11].as<std::string>(),
                                .stalls = row[12].as<std::int64_t>()});
    }
    return status;
  });
}

Summary read_summary(Session& session) {
  return session.in_transaction([](pqxx::work& tx) {
    const pqxx::row row = exec_row(tx, sql::summary, most_open_requests, late_after_seconds);
    return Summary{.customers = row[0].as<std::int64_t>(),
                   .last_poll = get<std::int64_t>(row[1]),
                   .failing = row[2].as<std::int64_t>(),
                   .held = row[3].as<std::int64_t>(),
                   .late = row[4].as<std::int64_t>(),
                   .open_requests = row[5].as<std::int64_t>(),
                   .daemons = row[6].as<std::int64_t>(),
                   .stalls = row[12].as<std::int64_t>(),
                   .failing_customer = get<std::string>(row[7]),
                   .failing_because = get<std::string>(row[8]),
                   .paused = row[9].as<std::int64_t>(),
                   .paused_account = get<std::string>(row[10]),
                   .paused_because = get<std::string>(row[11])};
  });
}

std::vector<QueueStatus> read_queue(Session& session) {
  return session.in_transaction([](pqxx::work& tx) { return queue_in(tx); });
}

std::vector<std::string> lacking_rights(Session& session) {
  return session.in_transaction([](pqxx::work& tx) { return rights_lacking_in(tx); });
}

ServerFacts read_server_facts(Session& session) {
  return session.in_transaction([](pqxx::work& tx) {
    ServerFacts facts;
    const pqxx::row row = exec_row(tx,
                                   "select current_setting('server_version'), "
                                   "current_setting('transaction_read_only')::boolean, pg_is_in_recovery(), "
                                   "(select source from pg_settings where name = 'default_transaction_read_only'), "
                                   "quote_ident(current_database()), quote_ident(current_user)");
    facts.version = row[0].as<std::string>();
    facts.read_only = row[1].as<bool>();
    facts.standby = row[2].as<bool>();
    facts.read_only_by = row[3].as<std::string>();
    facts.database = row[4].as<std::string>();
    facts.role = row[5].as<std::string>();
    facts.lacking = rights_lacking_in(tx);
    return facts;
  });
}

bool is_pooled_by_transaction(Session& session, const Options& options) {
  const int told = session.with_connection([](pqxx::connection& connection) { return connection.backendpid(); });
  const int first = backend_of(session);
  // A proxy makes up the number that it tells a client when it connects. Without one, nothing more is to be asked.
  if (told == first) return false;
  Session other(options);
  // While the other session holds the server's session that we had last, we get another one, or keep our own.
  return other.in_transaction([&](pqxx::work& tx) {
    exec_row(tx, "select pg_backend_pid()");
    return backend_of(session) != first;
  });
}

}  // namespace bounced::db
