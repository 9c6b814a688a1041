// SPDX-License-Identifier: Apache-2.0
#include "db/claims.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

std::vector<Claim> claims_from(const pqxx::result& rows, std::int64_t daemon) {
  std::vector<Claim> claims;
  claims.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto& row : rows) {
    Claim claim;
    claim.customer_id = row[0].as<int>();
    claim.customer = row[1].as<std::string>();
    claim.account = row[2].as<std::string>();
    claim.time_zone = row[3].as<std::string>();
    claim.daemon = daemon;
    claim.number = row[4].as<std::int64_t>();
    claim.recent_days = row[5].as<int>();
    claim.full = row[6].as<bool>();
    claim.every = std::chrono::seconds(row[7].as<std::int64_t>());
    claim.full_every = std::chrono::seconds(row[8].as<std::int64_t>());
    claim.asked_at = row[9].as<std::string>();
    claim.late = std::chrono::duration<double>(row[10].as<double>());
    claim.failures = row[11].as<int>();
    claim.account_was_paused = row[12].as<bool>();
    claim.has_bounces = row[13].as<bool>();
    claims.push_back(std::move(claim));
  }
  return claims;
}

}  // namespace

std::vector<Claim> claim_due(Session& session, std::int64_t daemon, const std::vector<Places>& places, int limit,
                             const std::vector<int>& taken) {
  std::vector<std::string> accounts;
  std::vector<int> free;
  for (const Places& place : places) {
    accounts.push_back(place.account);
    free.push_back(place.free);
  }
  return session.in_transaction([&](pqxx::work& tx) {
    exec(tx, sql::take_poll_requests, accounts);
    return claims_from(exec(tx, sql::claim_due, daemon, accounts, free, limit, taken), daemon);
  });
}

std::vector<Claim> claim_named(Session& session, std::int64_t daemon, const std::vector<std::string>& names,
                               const std::vector<int>& taken) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return claims_from(exec(tx, sql::claim_named, daemon, names, taken), daemon); });
}

std::vector<Hindrance> hindrances(Session& session, std::int64_t daemon, const std::vector<std::string>& names) {
  return session.in_transaction([&](pqxx::work& tx) {
    std::vector<Hindrance> found;
    for (const auto& row : exec(tx, sql::hindrances, daemon, names)) {
      found.push_back({.account = get<std::string>(row[0]).value_or(""),
                       .customer = row[1].as<std::string>(),
                       .customers = row[2].as<std::int64_t>(),
                       .until = get<std::int64_t>(row[3]).value_or(0),
                       .why = get<std::string>(row[4]).value_or("")});
    }
    return found;
  });
}

std::optional<std::chrono::duration<double>> until_next_due(Session& session, std::int64_t daemon,
                                                            const std::vector<std::string>& accounts,
                                                            const std::vector<int>& taken) {
  return session.in_transaction([&](pqxx::work& tx) -> std::optional<std::chrono::duration<double>> {
    const pqxx::result rows = exec(tx, sql::next_due, daemon, accounts, taken);
    if (rows[0][0].is_null()) return std::nullopt;
    return std::chrono::duration<double>(rows[0][0].as<double>());
  });
}

void release(Session& session, const Claim& claim, std::chrono::duration<double> put_off) {
  session.in_transaction([&](pqxx::work& tx) {
    exec(tx, sql::release_claim, claim.customer_id, claim.daemon, claim.number, put_off.count());
  });
}

std::optional<int> fail_poll(Session& session, const Claim& claim, const std::string& error,
                             std::chrono::duration<double> next_try) {
  return session.in_transaction([&](pqxx::work& tx) -> std::optional<int> {
    const pqxx::result rows =
        exec(tx, sql::fail_poll, claim.customer_id, claim.daemon, claim.number, error, next_try.count());
    if (rows.empty()) return std::nullopt;
    const std::optional<std::int64_t> none;
    exec(tx, sql::log_poll, claim.customer_id, claim.full ? "full" : "recent", claim.asked_at, none, none, none, none,
         none, none, error);
    return rows[0][0].as<int>();
  });
}

}  // namespace bounced::db
