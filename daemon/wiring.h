// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "classify/classifier.h"
#include "config/config.h"
#include "daemon/log.h"
#include "db/daemons.h"
#include "db/options.h"
#include "db/pool.h"
#include "sync/accounts.h"

// What several commands need of the floors below.
namespace bounced::daemon {

// The rules that the configuration names, and the built-in ones. Throws config::Invalid.
std::shared_ptr<const classify::Classifier> classifier_of(const config::Config& config);

// `role` says in pg_stat_activity who is who, as "bounced run: work".
db::Options connection_options(const config::Config& config, std::string role);

// Of a command that people run, to whom the unit's credentials are not given: where the password is one, a connection
// that fails for want of it says how to run the command with it.
db::Options connection_options_of(const std::string& command, const config::Config& config,
                                  const std::filesystem::path& config_file);

// Of a command that only reads the database, and is for people who may not read the keys. Throws config::Invalid.
db::Options reading_options_of(const std::string& command, const std::filesystem::path& config_file);

db::DaemonFacts daemon_facts();

// Throws MustChange where a ca_file cannot be used, and config::Invalid where the rules of classes_file cannot.
sync::Accounts make_accounts(const boost::asio::any_io_executor& executor, db::Pool& pool,
                             const config::Config& config);

// Another configuration from now on; gives the accounts whose credentials changed. Throws MustChange as well, and has
// changed nothing then.
std::vector<std::string> configure(sync::Accounts& accounts, const config::Config& config);

// Runs work on a connection of its own and waits for it: for commands that do nothing else.
void with_session(const db::Options& options, const std::function<void(db::Session&)>& work);

// Brings the schema up to date, or, where it may not, throws MustChange if it is not.
void prepare_schema(db::Session& session, bool may_migrate, const std::filesystem::path& config_file, Log& log);

// Throws MustChange where PostgreSQL does not know an account's time zone.
void check_time_zones(db::Session& session, const config::Config& config);

// Throws MustChange, and names them, where the role has not all the rights that a daemon needs.
void check_rights(db::Session& session);

// Throws MustChange where a proxy gives each transaction another session.
void refuse_transaction_pooling(db::Session& session, const db::Options& options);

// Ends a daemon's life in the database; where that is away, its claims come free by themselves.
boost::asio::awaitable<void> leave(db::Pool& pool, std::int64_t daemon, Log& log);

// The command that a message tells people to run, as a shell takes it.
std::string command_line(const std::string& command, const std::filesystem::path& config_file);

// "a credential of the systemd unit, …; run: …": how to run a command with it.
std::string where_a_credential_is(const std::string& name, const std::string& command,
                                  const std::filesystem::path& config_file);

// Calls on_stop at the first SIGINT or SIGTERM. After that they have their usual effect again, so that a second one
// ends the process at once, whatever hangs. Construct it before anything that should not be interrupted; the io_context
// does not run out of work before close().
class StopSignals {
 public:
  StopSignals(const boost::asio::any_io_executor& executor, std::function<void(const char* name)> on_stop);
  void close() { signals_.cancel(); }

 private:
  boost::asio::signal_set signals_;
};

}  // namespace bounced::daemon
