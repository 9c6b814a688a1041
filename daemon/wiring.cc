// SPDX-License-Identifier: Apache-2.0
#include "daemon/wiring.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <exception>
#include <stdexcept>

#include "config/load.h"
#include "config/text.h"
#include "daemon/errors.h"
#include "daemon/process.h"
#include "daemon/text.h"
#include "db/customers.h"
#include "db/migrator.h"
#include "db/status.h"

namespace bounced::daemon {

namespace asio = boost::asio;

std::shared_ptr<const classify::Classifier> classifier_of(const config::Config& config) {
  if (config.classes_file.empty()) return classify::built_in();
  return std::make_shared<const classify::Classifier>(config.class_rules, config.classes_file);
}

db::Options connection_options(const config::Config& config, std::string role) {
  return {.url = config.database.url,
          .application = std::move(role),
          .password = std::make_shared<db::Password>(config.database.password)};
}

db::Options connection_options_of(const std::string& command, const config::Config& config,
                                  const std::filesystem::path& config_file) {
  db::Options options = connection_options(config, "bounced " + command);
  const auto& source = config.database.password_source;
  const auto* credential = source ? std::get_if<config::KeyCredential>(&*source) : nullptr;
  if (credential != nullptr && !config.database.password) {
    options.without_password = "its password is " + where_a_credential_is(credential->name, command, config_file);
  }
  return options;
}

db::Options reading_options_of(const std::string& command, const std::filesystem::path& config_file) {
  const config::Config config = config::load(config_file, {.keys_unread = true});
  db::Options reading = connection_options_of(command, config, config_file);
  reading.reads_only = true;
  return reading;
}

db::DaemonFacts daemon_facts() {
  return {.host = host_name(),
          .pid = ::getpid(),
          .version = BOUNCED_VERSION,
          .machine = pid_space(),
          .process_start = process_start(::getpid())};
}

sync::Accounts make_accounts(const asio::any_io_executor& executor, db::Pool& pool, const config::Config& config) {
  try {
    return sync::Accounts(executor, pool, config, {}, classifier_of(config));
  } catch (const config::Invalid&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw MustChange(error.what());
  }
}

std::vector<std::string> configure(sync::Accounts& accounts, const config::Config& config) {
  try {
    auto other_credentials = accounts.with_other_credentials(config);
    accounts.configure(config, classifier_of(config));
    return other_credentials;
  } catch (const std::runtime_error& error) {
    throw MustChange(error.what());
  }
}

void with_session(const db::Options& options, const std::function<void(db::Session&)>& work) {
  asio::io_context io(1);
  db::Pool pool(io.get_executor(), options, 1);
  std::exception_ptr failure;
  asio::co_spawn(io, pool.run([&work](db::Session& session) { work(session); }),
                 [&failure](std::exception_ptr error) { failure = std::move(error); });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

void prepare_schema(db::Session& session, bool may_migrate, const std::filesystem::path& config_file, Log& log) {
  if (may_migrate) {
    db::migrate(session, BOUNCED_VERSION, {.applying = [&](const std::string& name) {
                  log.info("applying migration", {{"file", name}});
                }});
    return;
  }
  const auto pending = db::pending_migrations(session);
  if (pending.empty()) return;
  throw MustChange(fmt::format("the database lacks {}, beginning with {}; run: {}",
                               counted(pending.size(), "migration"), pending.front(),
                               command_line("migrate", config_file)));
}

void check_time_zones(db::Session& session, const config::Config& config) {
  std::vector<std::string> zones;
  for (const config::Account& account : config.accounts) {
    if (!account.time_zone.empty()) zones.push_back(account.time_zone);
  }
  const auto unknown = db::unknown_time_zones(session, zones);
  std::string problems;
  for (const config::Account& account : config.accounts) {
    if (std::ranges::find(unknown, account.time_zone) == unknown.end()) continue;
    if (!problems.empty()) problems += '\n';
    problems += fmt::format(
        "account {}: time_zone: PostgreSQL knows no {}; write one that `select name from pg_timezone_names` shows",
        as_value(account.name), as_value(account.time_zone));
  }
  if (!problems.empty()) throw MustChange(problems);
}

void check_rights(db::Session& session) {
  const std::vector<std::string> lacking = db::lacking_rights(session);
  if (lacking.empty()) return;
  throw MustChange(fmt::format("the role lacks rights at the database: grant {} to it", fmt::join(lacking, "; ")));
}

void refuse_transaction_pooling(db::Session& session, const db::Options& options) {
  if (!db::is_pooled_by_transaction(session, options)) return;
  throw MustChange(
      "the database is reached through a proxy that gives every transaction another session (transaction pooling), so "
      "that LISTEN and temporary tables do not work: connect directly, or set the proxy to session pooling");
}

asio::awaitable<void> leave(db::Pool& pool, std::int64_t daemon, Log& log) {
  try {
    co_await pool.run([daemon](db::Session& session) { db::end_daemon(session, daemon); });
  } catch (const std::exception& error) {
    log.warning("claims could not be given back", {{"error", error.what()}});
  }
}

std::string command_line(const std::string& command, const std::filesystem::path& config_file) {
  return fmt::format("bounced {} --config {}", command, config::shell_word(config_file.string()));
}

std::string where_a_credential_is(const std::string& name, const std::string& command,
                                  const std::filesystem::path& config_file) {
  // Our unit gives each file of one folder; another unit has a line of its own, which we cannot know.
  const bool is_of_our_unit = name.starts_with("key_");
  const std::string place =
      is_of_our_unit ? "the file /etc/bounced/keys/" + name.substr(4) : "and PATH is what LoadCredential= names";
  const std::string credential = is_of_our_unit ? "key:/etc/bounced/keys" : name + ":PATH";
  return fmt::format(
      "a credential of the systemd unit, {}; run: sudo systemd-run --pipe --wait --collect --quiet -p User=bounced -p "
      "LoadCredential={} {}",
      place, config::shell_word(credential), command_line(command, std::filesystem::absolute(config_file)));
}

StopSignals::StopSignals(const asio::any_io_executor& executor, std::function<void(const char* name)> on_stop)
    : signals_(executor, SIGINT, SIGTERM) {
  signals_.async_wait([this, on_stop = std::move(on_stop)](const boost::system::error_code& error, int number) {
    if (error) return;
    signals_.clear();
    on_stop(number == SIGINT ? "SIGINT" : "SIGTERM");
  });
}

}  // namespace bounced::daemon
