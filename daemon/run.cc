// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <exception>
#include <optional>

#include "config/load.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/log_events.h"
#include "daemon/process.h"
#include "daemon/service_manager.h"
#include "daemon/tasks.h"
#include "daemon/wiring.h"
#include "db/customers.h"
#include "db/listener.h"
#include "sync/backoff.h"
#include "sync/deletions.h"
#include "sync/heart.h"
#include "sync/housekeeper.h"
#include "sync/scheduler.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// A database that comes up later than the daemon mostly does so within seconds.
constexpr sync::Backoff database_retry{500ms, 10s};
// A daemon that died, or whose configuration had other customers, has kept its customers active: a look this often
// makes those inactive that nobody has any more.
constexpr auto register_every = 1min;
constexpr auto listen_again_after = 1min;

// The daemon from its start to its end.
class Daemon {
 public:
  Daemon(const asio::any_io_executor& executor, const config::Config& config, Log& log)
      : executor_(executor),
        config_(config),
        log_(log),
        wakeup_(executor),
        signals_(executor, [this](const char* name) { stop_by(name); }),
        hangups_(executor, SIGHUP),
        tasks_(executor, [this] { stop(); }),
        accounts_(make_accounts(executor, config)),
        pool_(executor, connection_options(config, "bounced run: work"), config.database.connections),
        housekeeper_(executor, pool_, config.retention),
        listener_(executor, connection_options(config, "bounced run: listen"), {"bounced_polls", "bounced_deletions"},
                  listener_events()) {
    refuse_hangup();
  }

  asio::awaitable<void> run(std::filesystem::path config_file, bool may_migrate);

 private:
  asio::awaitable<void> start_and_serve(const std::filesystem::path& config_file, bool may_migrate);
  asio::awaitable<void> serve();
  asio::awaitable<bool> at_database(std::function<void(db::Session&)> work);
  asio::awaitable<void> listen();
  asio::awaitable<void> keep_registered();
  void register_configuration(db::Session& session, db::Existing existing);
  db::Listener::Events listener_events();
  void stop_by(const char* name);
  void stop();
  void refuse_hangup();

  asio::any_io_executor executor_;
  const config::Config& config_;
  Log& log_;
  LogEvents events_{log_};
  sync::Wakeup wakeup_;
  bool stopping_ = false;
  StopSignals signals_;
  asio::signal_set hangups_;
  Tasks tasks_;
  sync::Accounts accounts_;
  db::Pool pool_;
  const db::DaemonFacts facts_ = daemon_facts();
  std::int64_t number_ = 0;  // in the database; 0: not there yet
  std::optional<sync::Heart> heart_;
  std::optional<sync::Scheduler> scheduler_;
  std::optional<sync::Deletions> deletions_;
  sync::Housekeeper housekeeper_;
  db::Listener listener_;
};

asio::awaitable<void> Daemon::run(std::filesystem::path config_file, bool may_migrate) {
  std::exception_ptr failure;
  try {
    co_await start_and_serve(config_file, may_migrate);
  } catch (...) {
    failure = std::current_exception();
    stop();  // the polls that are in flight
  }
  try {
    co_await tasks_.end();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (number_ != 0) co_await leave(pool_, number_, log_);
  signals_.close();
  hangups_.cancel();
  if (failure) std::rethrow_exception(failure);
  log_.info("stopped");
}

asio::awaitable<void> Daemon::start_and_serve(const std::filesystem::path& config_file, bool may_migrate) {
  const bool prepared = co_await at_database([&](db::Session& session) {
    prepare_schema(session, may_migrate, config_file, log_);
    check_time_zones(session, config_);
  });
  if (!prepared) co_return;
  if (!co_await at_database([&](db::Session& session) { number_ = db::start_daemon(session, facts_, is_gone); }))
    co_return;
  heart_.emplace(executor_, connection_options(config_, "bounced run: heartbeat"), facts_, number_);
  tasks_.start(heart_->run());
  const bool registered =
      co_await at_database([&](db::Session& session) { register_configuration(session, db::Existing::change); });
  if (registered) co_await serve();
}

asio::awaitable<void> Daemon::serve() {
  scheduler_.emplace(executor_, pool_, accounts_, events_, number_, config_.polling.concurrency);
  deletions_.emplace(executor_, pool_, accounts_, events_, number_, config_.deletions);
  tasks_.start(deletions_->run());
  tasks_.start(housekeeper_.run());
  tasks_.start(listen());
  tasks_.start(keep_registered());
  log_.info("started", {{"version", BOUNCED_VERSION},
                        {"daemon", number_},
                        {"accounts", static_cast<std::int64_t>(config_.accounts.size())},
                        {"customers", static_cast<std::int64_t>(accounts_.customers().size())}});
  tell_service_manager("READY=1");
  co_await scheduler_->run();
}

// Runs work at the database; while it is away, waits for it. Returns false if the daemon is to stop.
asio::awaitable<bool> Daemon::at_database(std::function<void(db::Session&)> work) {
  const auto began = std::chrono::steady_clock::now();
  for (int failures = 0; !stopping_;) {
    std::string fault;
    try {
      co_await pool_.run(work);
      if (failures > 0) events_.on(sync::DatabaseBack{std::chrono::steady_clock::now() - began});
      co_return !stopping_;
    } catch (const db::Unavailable& error) {
      fault = error.what();
    } catch (const db::Conflict& error) {
      fault = error.what();
    }
    if (failures++ == 0) log_.warning("waiting for the database", {{"error", fault}});
    if (!stopping_) co_await wakeup_.wait(database_retry.delay(failures));
  }
  co_return false;
}

asio::awaitable<void> Daemon::listen() {
  sync::Wakeup pause(executor_);
  while (true) {
    std::string fault;
    try {
      co_await listener_.run();
    } catch (const std::exception& error) {
      // The scheduler meets it too, tells it, and waits for it.
      if (!db::is_database_fault(error)) throw;
      fault = error.what();
    }
    log_.debug("not listening", {{"error", fault}});
    co_await pause.wait(listen_again_after);
  }
}

asio::awaitable<void> Daemon::keep_registered() {
  sync::Wakeup pause(executor_);
  while (true) {
    co_await pause.wait(register_every);
    try {
      co_await pool_.run(
          [this](db::Session& session) { register_configuration(session, db::Existing::keep_if_others_live); });
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
    }
  }
}

void Daemon::register_configuration(db::Session& session, db::Existing existing) {
  const db::Registered registered = db::register_configuration(session, number_, accounts_.account_settings(),
                                                               accounts_.customer_settings(), existing);
  if (registered.deactivated > 0)
    log_.info("customers left the configuration", {{"customers", registered.deactivated}});
  if (registered.shifted > 0) {
    log_.info("times moved to another time zone", {{"customers", std::int64_t{registered.shifted}}});
  }
}

db::Listener::Events Daemon::listener_events() {
  return {.connected =
              [this] {
                scheduler_->wake();
                deletions_->wake();
              },
          .notified =
              [this](const std::string& channel, const std::string&) {
                if (channel == "bounced_deletions")
                  deletions_->wake();
                else
                  scheduler_->wake();
              },
          .lost =
              [this](const std::string& why) {
                log_.debug("not listening", {{"error", why}});
              }};
}

void Daemon::stop_by(const char* name) {
  log_.info("stopping; a second signal ends it at once", {{"signal", name}});
  tell_service_manager("STOPPING=1");
  stop();
}

// New work is not taken; run() does the rest.
void Daemon::stop() {
  stopping_ = true;
  wakeup_.wake();
  if (scheduler_) scheduler_->stop();
  if (deletions_) deletions_->stop();
}

void Daemon::refuse_hangup() {
  hangups_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    log_.warning("this version cannot reload its configuration: restart it", {{"signal", "SIGHUP"}});
    refuse_hangup();
  });
}

}  // namespace

int run(const std::filesystem::path& config_file, const RunOptions& options) {
  const config::Config config = config::load(config_file);
  // Who reads our standard error may go away.
  std::signal(SIGPIPE, SIG_IGN);
  Log log(config.log);
  asio::io_context io(1);
  Daemon daemon(io.get_executor(), config, log);
  std::exception_ptr failure;
  asio::co_spawn(io, daemon.run(config_file, options.migrate),
                 [&failure](std::exception_ptr error) { failure = std::move(error); });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return well;
}

}  // namespace bounced::daemon
