// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/secret.h"

// What bounced.yaml says, as plain structs. load() (config/load.h) fills and checks them; whatever reads them may
// trust every value.
namespace bounced::config {

// When a customer's list is read. Accounts and customers may override each value.
struct Schedule {
  std::chrono::seconds every = std::chrono::minutes(5);
  std::chrono::seconds full_every = std::chrono::hours(24);
  int recent_days = 0;  // 0: every poll is full

  bool operator==(const Schedule&) const = default;
};

struct Polling {
  Schedule schedule;
  int concurrency = 8;
  // Of one list, unpacked: what is longer is none, but fills memory and disks. Forty million bounces fit.
  std::uint64_t max_list_bytes = std::uint64_t{10} << 30;
};

struct Deletions {
  int concurrency = 8;
  int max_attempts = 10;
  int daily_limit = 0;  // of each account, in deletions a day (UTC); 0: no limit. Accounts may override it
};

struct Retention {
  std::chrono::seconds polls = std::chrono::hours(24 * 30);
  std::chrono::seconds deletion_requests = std::chrono::hours(24 * 365);
  std::chrono::seconds gone_bounces = std::chrono::seconds(0);  // 0: for ever
};

// requests == 0: no limit.
struct RateLimit {
  int requests = 600;
  std::chrono::seconds per = std::chrono::minutes(1);
};

struct KeyFile {
  std::filesystem::path path;
};
struct KeyCredential {
  std::string name;  // of a systemd credential: a file in $CREDENTIALS_DIRECTORY
};
struct KeyVariable {
  std::string name;  // of an environment variable
};
using KeySource = std::variant<KeyFile, KeyCredential, KeyVariable>;

struct Database {
  std::string url = "postgresql:///bounced";  // libpq URI or conninfo
  std::optional<KeySource> password_source = std::nullopt;
  // Absent where no source is given, or LoadOptions allowed it.
  std::optional<Secret> password = std::nullopt;
  int connections = 4;  // for work; listening and the heartbeat have one each besides
};

// An HTTP proxy that gives tunnels (CONNECT).
struct Proxy {
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  std::string user = {};  // empty: it wants no credentials
  // Absent only where there is none, or LoadOptions allowed it.
  std::optional<Secret> password = std::nullopt;

  bool operator==(const Proxy&) const = default;
};

enum class Api { v2, v3 };
constexpr const char* name(Api api) {
  return api == Api::v2 ? "v2" : "v3";
}
enum class Format { json, xml };
enum class Method { get, post };

struct Customer {
  std::string name;
  Schedule schedule;     // with the account's and the defaults' values filled in
  std::string api_name;  // what the API calls it; empty (v3): the list is the account's own
};

struct Account {
  std::string name;
  Api api = Api::v2;
  Format format = Format::json;  // v2
  Method method = Method::get;   // v2
  // https, or http to a loopback address; no trailing slash. v3: https://api.sendgrid.com, if nothing is said.
  std::string base_url = "https://sendgrid.com";
  std::string user;  // v2
  KeySource key_source;
  // Absent only where LoadOptions allowed it.
  std::optional<Secret> key;
  // v2: known to PostgreSQL, which is checked there. v3, whose times need none: empty.
  std::string time_zone = "America/Los_Angeles";
  RateLimit rate_limit;
  int concurrency = 4;           // polls at once, and apart from them deletions
  int daily_deletion_limit = 0;  // 0: no limit
  std::optional<std::filesystem::path> ca_file;
  bool ca_only = false;  // none of the system's authorities besides
  std::optional<Proxy> proxy;
  std::uint64_t max_list_bytes = Polling().max_list_bytes;
  std::vector<Customer> customers;  // from customers and customers_file, in the order of the files
  bool all_customers = false;       // v3: those that the API names, beside customers, on this schedule
  Schedule schedule;
};

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { automatic, text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::automatic;
};

struct Config {
  Database database;
  Polling polling;
  Deletions deletions;
  Retention retention;
  std::vector<Account> accounts;
  Log log;
  // The user's own rules for the classes of bounces: the file, and what it says (classify/classifier.h reads it).
  std::filesystem::path classes_file = {};
  std::string class_rules = {};
};

}  // namespace bounced::config
