// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bounced::db {

class Session;

// The right to poll a customer, and what to know for it.
struct Claim {
  int customer_id = 0;
  std::string customer;
  std::string account;
  std::string time_zone;  // in which times without a zone are, or were, read; empty: there were none
  std::int64_t daemon = 0;
  std::int64_t number = 0;  // of the claim, from one sequence
  bool full = true;         // whether a full poll is due, or a recent one will do
  int recent_days = 0;
  std::chrono::seconds every{};
  std::chrono::seconds full_every{};
  std::string asked_at;  // "asked for": the database's clock when it was claimed, in PostgreSQL's own text form
  std::chrono::duration<double> late{};  // behind the time it was due
  int failures = 0;                      // polls that failed in a row before
  bool account_was_paused = false;       // and is not yet known to be well again
  bool has_bounces = false;              // current ones, in the mirror
};

// How many customers of an account may be claimed now.
struct Places {
  std::string account;
  int free = 0;
};

// Claims up to `limit` customers that are due, the longest due first. `taken` are the customers that this daemon polls
// already or leaves alone: what else it has claimed is left from an answer or a release that was lost, and free.
std::vector<Claim> claim_due(Session& session, std::int64_t daemon, const std::vector<Places>& places, int limit,
                             const std::vector<int>& taken);

// Claims those of the named customers that nobody holds, for a full poll, due or not.
std::vector<Claim> claim_named(Session& session, std::int64_t daemon, const std::vector<std::string>& names,
                               const std::vector<int>& taken);

// Why customers cannot be polled now.
struct Hindrance {
  std::string account;     // that is paused; empty: another daemon holds the customers
  std::string customer;    // one of them
  std::int64_t customers;  // how many
  std::int64_t until = 0;  // of a pause, in seconds since 1970
  std::string why;         // of a pause; or which daemon it is
};
std::vector<Hindrance> hindrances(Session& session, std::int64_t daemon, const std::vector<std::string>& names);

// Until the next customer of the accounts is due that nobody holds (less than zero: it is late); nothing if there is
// none.
std::optional<std::chrono::duration<double>> until_next_due(Session& session, std::int64_t daemon,
                                                            const std::vector<std::string>& accounts,
                                                            const std::vector<int>& taken);

// Gives the claim back without a word about the poll. Does nothing where it was lost.
void release(Session& session, const Claim& claim, std::chrono::duration<double> put_off = {});

// Notes that the poll failed, in the customer's row and in the log, and gives the claim back. Returns how often it
// failed in a row now; nothing where the claim was lost.
std::optional<int> fail_poll(Session& session, const Claim& claim, const std::string& error,
                             std::chrono::duration<double> next_try);

}  // namespace bounced::db
