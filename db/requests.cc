// SPDX-License-Identifier: Apache-2.0
#include "db/requests.h"

#include <set>
#include <unordered_set>

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

using Kind = RequestEnd::Kind;

const char* state_after(Kind kind) {
  switch (kind) {
    case Kind::deleted:
    case Kind::not_listed:
      return "done";
    case Kind::failed:
      return "failed";
    case Kind::again:
    case Kind::released:
    case Kind::interrupted:
      break;
  }
  return "pending";
}

std::optional<std::string> outcome_of(Kind kind) {
  if (kind == Kind::deleted) return "deleted";
  if (kind == Kind::not_listed) return "not_listed";
  return std::nullopt;
}

// What is not listed any more after a call of ours that may have been carried out is gone by that.
std::optional<std::string> gone_because(const RequestEnd& end) {
  if (end.kind == Kind::deleted || (end.kind == Kind::not_listed && (end.claim.may_be_done || end.sent_twice)))
    return "deleted";
  if (end.kind == Kind::not_listed) return "disappeared";
  return std::nullopt;
}

// The parameters of finish_requests.sql.
struct EndColumns {
  explicit EndColumns(const std::vector<RequestEnd>& ends) {
    for (const RequestEnd& end : ends) {
      requests.push_back(end.claim.request_id);
      claims.push_back(end.claim.number);
      claimed_at.push_back(end.claim.claimed_at);
      states.emplace_back(state_after(end.kind));
      outcomes.push_back(outcome_of(end.kind));
      attempts.push_back(end.kind == Kind::again || end.kind == Kind::failed ? 1 : 0);
      interruptions.push_back(end.kind == Kind::interrupted || end.sent_twice ? 1 : 0);
      errors.push_back(end.error.empty() ? std::nullopt : std::optional(end.error));
      again_in.push_back(end.again_in.count());
      because.push_back(gone_because(end));
    }
  }
  std::vector<std::int64_t> requests, claims;
  std::vector<std::string> claimed_at, states;
  std::vector<std::optional<std::string>> outcomes, errors, because;
  std::vector<int> attempts, interruptions;
  std::vector<double> again_in;
};

template <class T>
std::vector<T> first_column(const pqxx::result& rows) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(rows.size()));
  for (const auto& row : rows) values.push_back(row[0].as<T>());
  return values;
}

}  // namespace

std::vector<WaitingCustomer> waiting_customers(Session& session) {
  return session.in_transaction([](pqxx::work& tx) {
    std::vector<WaitingCustomer> customers;
    for (const auto& row : exec(tx, sql::waiting_customers)) {
      customers.push_back({.customer_id = row[0].as<int>(),
                           .customer = row[1].as<std::string>(),
                           .account = row[2].as<std::string>(),
                           .due_in = std::chrono::duration<double>(row[3].as<double>()),
                           .limited = row[4].as<bool>()});
    }
    return customers;
  });
}

std::vector<RequestClaim> claim_requests(Session& session, std::int64_t daemon, const std::vector<Lane>& lanes) {
  std::vector<int> limited;
  for (const Lane& lane : lanes) {
    if (lane.limited) limited.push_back(lane.customer_id);
  }
  return session.in_transaction([&](pqxx::work& tx) {
    std::set<std::string> locked;
    if (!limited.empty()) {
      for (const auto& row : exec(tx, sql::lock_limited_accounts, limited)) locked.insert(row[0].as<std::string>());
    }
    std::vector<int> customers, places;
    std::vector<std::string> accounts, after_at;
    std::vector<std::int64_t> after_id;
    for (const Lane& lane : lanes) {
      if (lane.limited && !locked.contains(lane.account)) continue;
      customers.push_back(lane.customer_id);
      accounts.push_back(lane.account);
      after_at.push_back(lane.after.next_attempt_at);
      after_id.push_back(lane.after.request_id);
      places.push_back(lane.places);
    }
    std::vector<RequestClaim> claims;
    for (const auto& row : exec(tx, sql::claim_requests, daemon, customers, after_at, after_id, places, accounts)) {
      RequestClaim claim;
      claim.request_id = row[0].as<std::int64_t>();
      claim.customer_id = row[1].as<int>();
      claim.email = row[2].as<std::string>();
      claim.attempts = row[3].as<int>();
      claim.may_be_done = claim.attempts > 0 || row[4].as<int>() > 0;
      claim.daemon = daemon;
      claim.number = row[5].as<std::int64_t>();
      claim.claimed_at = row[6].as<std::string>();
      claim.position = {.next_attempt_at = row[7].as<std::string>(), .request_id = claim.request_id};
      claims.push_back(std::move(claim));
    }
    return claims;
  });
}

NotFinished finish_requests(Session& session, const std::vector<RequestEnd>& ends) {
  const EndColumns columns(ends);
  std::set<int> customers;
  for (const RequestEnd& end : ends) customers.insert(end.claim.customer_id);
  return session.in_transaction([&](pqxx::work& tx) {
    const std::int64_t daemon = ends.empty() ? 0 : ends.front().claim.daemon;
    const auto locked = first_column<int>(exec(tx, sql::lock_customers, customers));
    // A statement of its own: what it reads is what was committed before those locks were had.
    const auto written =
        first_column<std::int64_t>(exec(tx, sql::finish_requests, daemon, locked, columns.requests, columns.claims,
                                        columns.states, columns.outcomes, columns.attempts, columns.interruptions,
                                        columns.errors, columns.again_in, columns.because, columns.claimed_at));
    const std::unordered_set<std::int64_t> done(written.begin(), written.end());
    NotFinished rest;
    if (done.size() == ends.size()) return rest;
    const auto still = first_column<std::int64_t>(
        exec(tx, sql::claims_that_stand, daemon, columns.requests, columns.claims, columns.claimed_at));
    const std::unordered_set<std::int64_t> standing(still.begin(), still.end());
    for (std::size_t place = 0; place < ends.size(); ++place) {
      const std::int64_t request = ends[place].claim.request_id;
      if (!done.contains(request)) (standing.contains(request) ? rest.busy : rest.lost).push_back(place);
    }
    return rest;
  });
}

std::int64_t recover_requests(Session& session, std::int64_t daemon, const std::vector<std::int64_t>& in_hand) {
  return session.in_transaction([&](pqxx::work& tx) {
    return static_cast<std::int64_t>(exec(tx, sql::recover_requests, daemon, in_hand).affected_rows());
  });
}

}  // namespace bounced::db
