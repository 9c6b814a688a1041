// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bounced::db {

class Session;
struct Options;

// A moment as "2024-05-06T07:08:09Z", and how many seconds ago it was by the database's clock.
struct Moment {
  std::string at;
  double ago = 0;  // less than 0: it is to come
};

struct CustomerStatus {
  std::string name;
  std::string account;
  bool active = true;
  int failures = 0;  // in a row
  std::optional<std::string> last_error = std::nullopt;
  std::optional<Moment> last_error_at = std::nullopt;
  std::optional<Moment> last_poll_at = std::nullopt;
  std::optional<Moment> last_full_at = std::nullopt;
  Moment next_poll_at;
  std::optional<Moment> held_since = std::nullopt;
  std::int64_t current_bounces = 0;
  bool being_polled = false;  // by a daemon that is alive
  double poll_every = 0;      // seconds
  bool account_paused = false;
};

struct AccountStatus {
  std::string name;
  std::string api;
  std::optional<Moment> paused_until = std::nullopt;  // still to come
  std::optional<std::string> paused_because = std::nullopt;
  std::optional<int> daily_limit = std::nullopt;  // of deletions
  int deletions_today = 0;                        // counted where there is a limit
};

// A customer's deletion requests.
struct QueueStatus {
  std::string customer;
  std::int64_t pending = 0;
  std::int64_t sending = 0;
  std::int64_t failed = 0;
  std::optional<Moment> oldest = std::nullopt;           // when the oldest that is pending or sending was requested
  std::optional<Moment> next_attempt = std::nullopt;     // of those that are pending
  std::optional<std::string> last_error = std::nullopt;  // of one of those
  // Why what is pending waits: "inactive", "paused", "daily limit", "retry"; empty: it does not.
  std::string waits_for;
};

struct DaemonStatus {
  std::int64_t id = 0;
  std::string host;
  int pid = 0;
  std::string version;
  Moment started;
  Moment heartbeat;
  bool alive = true;
  int customers = 0;  // in its configuration
  int disagrees = 0;  // of these, whose rows say something else: another daemon has another configuration
  std::string in_flight = R"({"count":0,"oldest":[]})";  // as of its heartbeat, as JSON: see sync/in_flight.h
  std::int64_t stalls = 0;                               // what outlived its deadline since its start
};

// How things stand at one moment.
struct Status {
  Moment now;
  std::vector<CustomerStatus> customers;  // by name
  std::vector<AccountStatus> accounts;    // by name
  std::vector<QueueStatus> queue;         // customers with requests that are not done, by name
  std::vector<DaemonStatus> daemons;      // by number
};
// Throws NeedsAction where the schema is not there.
Status read_status(Session& session);

// The same in a few numbers, and one example of each trouble: cheap enough to be asked for every few seconds.
struct Summary {
  std::int64_t customers = 0;                            // that are active
  std::optional<std::int64_t> last_poll = std::nullopt;  // of any, in seconds since 1970
  std::int64_t failing = 0;
  std::int64_t held = 0;
  std::int64_t late = 0;
  std::int64_t open_requests = 0;  // pending or sending; counted up to most_open_requests
  std::int64_t daemons = 0;        // that are alive
  std::int64_t stalls = 0;         // of those, since their starts
  std::optional<std::string> failing_customer = std::nullopt;
  std::optional<std::string> failing_because = std::nullopt;
  std::int64_t paused = 0;  // accounts
  std::optional<std::string> paused_account = std::nullopt;
  std::optional<std::string> paused_because = std::nullopt;
};
constexpr std::int64_t most_open_requests = 10'000;
Summary read_summary(Session& session);

// A daemon looks every few seconds; a customer that is due for longer is late, unless its account is paused. One that
// is being polled is late when the poll takes longer than its interval.
constexpr double late_after_seconds = 30;

// The queue alone.
std::vector<QueueStatus> read_queue(Session& session);

// What a daemon needs of the server.
struct ServerFacts {
  std::string version;
  bool read_only = false;  // a standby, or set so
  bool standby = false;
  std::string read_only_by;  // who sets default_transaction_read_only, as pg_settings.source says it
  std::string database;      // both as SQL writes them
  std::string role;
  std::vector<std::string> lacking;  // rights that this role does not have, as "insert on bounced.mirror"
};
ServerFacts read_server_facts(Session& session);
// Those rights alone.
std::vector<std::string> lacking_rights(Session& session);

// Whether there is a proxy between us and the server that gives every transaction another session, so that LISTEN and
// temporary tables do not work. `options`: those that the session was made with.
bool is_pooled_by_transaction(Session& session, const Options& options);

}  // namespace bounced::db
