// SPDX-License-Identifier: Apache-2.0
#include "daemon/reload.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "config/load.h"
#include "daemon/errors.h"
#include "daemon/wiring.h"
#include "db/errors.h"
#include "sync/database_trouble.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;

void warn_of_restart(const config::Config& current, const config::Config& next, Log& log) {
  if (next.database.url != current.database.url || next.database.connections != current.database.connections) {
    log.warning("changed settings need a restart", {{"key", std::string("database")}});
  }
  if (next.log.format != current.log.format) {
    log.warning("changed settings need a restart", {{"key", std::string("log.format")}});
  }
}

// Where the file has problems, logs each and returns nothing.
std::optional<config::Config> read_again(const std::filesystem::path& file, Log& log) {
  try {
    auto config = config::load(file);
    classifier_of(config);
    return config;
  } catch (const config::Invalid& invalid) {
    for (const config::Problem& problem : invalid.problems()) {
      log.error("the configuration is wrong, and was not reloaded", {{"problem", problem.text()}});
    }
    return std::nullopt;
  }
}

}  // namespace

Reload::Reload(const boost::asio::any_io_executor& executor, std::filesystem::path file, config::Config& config,
               db::Password& password, db::Pool& pool, sync::Accounts& accounts, Registration& registration,
               Supervision& supervision, LogEvents& events, Log& log, std::function<void()> applied)
    : file_(std::move(file)),
      config_(config),
      password_(password),
      pool_(pool),
      accounts_(accounts),
      registration_(registration),
      supervision_(supervision),
      events_(events),
      log_(log),
      applied_(std::move(applied)),
      asked_(executor) {}

void Reload::ask() {
  wanted_ = true;
  asked_.wake();
}

void Reload::ask_while_starting() {
  ask();
  const auto next = read_again(file_, log_);
  if (!next) return;
  password_.set(next->database.password);
  log_.info("the reload waits for the start; a change of database.url needs a restart");
}

asio::awaitable<void> Reload::run() {
  supervision_.reloading();
  log_.info("reloading the configuration");
  auto flight = accounts_.in_flight().begin("reload", "");
  sync::DatabaseTrouble trouble(events_, "reload");
  bool waited = false;
  std::optional<bool> applied;
  while (!applied) {
    wanted_ = false;
    flight.waits_for("the database", sync::database_budget);
    sync::Seconds delay{};
    try {
      applied = co_await apply();
    } catch (const db::Error& error) {
      delay = trouble.failed(error);
      supervision_.reload_waits(error.what());
      if (!std::exchange(waited, true)) {
        log_.warning("the reload waits for the database", {{"error", std::string(error.what())}});
      }
    }
    if (!applied && !wanted_) co_await asked_.wait(delay);
  }
  trouble.well();
  if (*applied) {
    log_.info("configuration reloaded", {{"accounts", static_cast<std::int64_t>(config_.accounts.size())},
                                         {"customers", static_cast<std::int64_t>(accounts_.customers().size())}});
  }
  supervision_.reloaded(*applied);
}

// Polls and deletions that are in flight come to their end as they began. Throws where the database cannot be asked.
asio::awaitable<bool> Reload::apply() {
  const auto next = read_again(file_, log_);
  if (!next) co_return false;
  // Before anything is asked at the database, which may take no other password any more.
  password_.set(next->database.password);
  try {
    const auto check = [&](db::Session& session) { check_time_zones(session, *next); };
    co_await pool_.run(check);
    registration_.retry(configure(accounts_, *next));
  } catch (const MustChange& error) {
    log_.error("the configuration is wrong, and was not reloaded", {{"problem", std::string(error.what())}});
    co_return false;
  }
  warn_of_restart(config_, *next, log_);
  config_ = *next;
  applied_();
  const bool registered = co_await registration_.reconfigured();
  if (!registered) {
    log_.warning(
        "the configuration counts, but the database does not take its customers yet: tried again until it does");
  }
  co_return true;
}

}  // namespace bounced::daemon
