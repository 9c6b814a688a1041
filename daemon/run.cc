// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/load.h"
#include "daemon/at_database.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/log_events.h"
#include "daemon/process.h"
#include "daemon/registration.h"
#include "daemon/reload.h"
#include "daemon/supervision.h"
#include "daemon/tasks.h"
#include "daemon/wiring.h"
#include "db/daemons.h"
#include "db/listener.h"
#include "sync/deletions.h"
#include "sync/heart.h"
#include "sync/housekeeper.h"
#include "sync/scheduler.h"
#include "sync/stall_check.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// The daemon from its start to its end.
class Daemon {
 public:
  Daemon(const asio::any_io_executor& executor, std::filesystem::path config_file, config::Config config, Log& log)
      : executor_(executor),
        config_file_(std::move(config_file)),
        config_(std::move(config)),
        log_(log),
        signals_(executor, [this](const char* name) { stop_by(name); }),
        hangups_(executor, SIGHUP),
        tasks_(executor, [this] { stop(); }),
        password_(std::make_shared<db::Password>(config_.database.password)),
        pool_(executor, options_for("work"), config_.database.connections),
        supervision_(
            executor, pool_, [this] { return last_turn(); }, [this] { return accounts_.in_flight().stuck(); }),
        accounts_(make_accounts(executor, pool_, config_)),
        at_database_(executor, pool_, supervision_, events_, log_),
        registration_(executor, pool_, at_database_, accounts_, events_, log_,
                      [this](const auto& customers) { scheduler_->leave_alone(customers); }),
        reload_(executor, config_file_, config_, *password_, pool_, accounts_, registration_, supervision_, events_,
                log_, [this] { reloaded(); }),
        housekeeper_(executor, pool_, events_, config_.retention, accounts_),
        listener_(executor, options_for("listen"), {"bounced_polls", "bounced_deletions", "bounced_customers"},
                  listener_events()) {
    // Who relied on the rows of customers may be gone.
    accounts_.on_other_shares([this] { registration_.wake(); });
    await_hangup();
    release_signal(SIGHUP);
  }

  asio::awaitable<void> run(bool may_migrate);

 private:
  asio::awaitable<void> start_and_serve(bool may_migrate);
  asio::awaitable<void> serve();
  asio::awaitable<void> listen();
  asio::awaitable<void> keep_registered();
  [[nodiscard]] db::Options options_for(const std::string& connection) const;
  db::Listener::Events listener_events();
  void reloaded();
  [[nodiscard]] Supervision::Time last_turn() const;
  void stop_by(const char* name);
  void stop();
  void await_hangup();

  asio::any_io_executor executor_;
  std::filesystem::path config_file_;
  config::Config config_;  // as it is now; others read their parts of it here
  Log& log_;
  LogEvents events_{log_};
  StopSignals signals_;
  asio::signal_set hangups_;
  Tasks tasks_;
  std::shared_ptr<db::Password> password_;  // of all connections; a reload sets it
  db::Pool pool_;
  Supervision supervision_;
  sync::Accounts accounts_;
  AtDatabase at_database_;
  Registration registration_;
  Reload reload_;
  const db::DaemonFacts facts_ = daemon_facts();
  std::int64_t number_ = 0;  // in the database; 0: not there yet
  std::optional<sync::Heart> heart_;
  std::optional<sync::Scheduler> scheduler_;
  std::optional<sync::Deletions> deletions_;
  sync::Housekeeper housekeeper_;
  db::Listener listener_;
};

asio::awaitable<void> Daemon::run(bool may_migrate) {
  std::exception_ptr failure;
  try {
    co_await start_and_serve(may_migrate);
  } catch (...) {
    failure = std::current_exception();
    stop();  // the polls that are in flight
  }
  try {
    co_await tasks_.end();
  } catch (const db::NumberTaken&) {
    failure = std::current_exception();
    number_ = 0;
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (number_ != 0) co_await leave(pool_, number_, log_);
  signals_.close();
  hangups_.cancel();
  if (failure) std::rethrow_exception(failure);
  log_.info("stopped");
}

asio::awaitable<void> Daemon::start_and_serve(bool may_migrate) {
  tasks_.start(supervision_.keep_alive());
  Supervision::say("preparing the database");
  const auto prepare = [&](db::Session& session) {
    prepare_schema(session, may_migrate, config_file_, log_);
    check_rights(session);
    check_time_zones(session, config_);
    refuse_transaction_pooling(session, options_for("work"));
  };
  const bool prepared = co_await at_database_.run("schema", prepare, 10s);
  if (!prepared) co_return;
  std::chrono::steady_clock::time_point sent;
  const bool known = co_await at_database_.run("start", [&](db::Session& session) {
    sent = std::chrono::steady_clock::now();
    number_ = db::start_daemon(session, facts_, is_gone);
  });
  if (!known) co_return;
  heart_.emplace(executor_, options_for("heartbeat"), facts_, number_, sent, accounts_, events_);
  tasks_.start(heart_->run());
  scheduler_.emplace(executor_, pool_, accounts_, events_, number_, config_.polling);
  deletions_.emplace(executor_, pool_, accounts_, events_, number_, config_.deletions);
  registration_.retry(accounts_.account_names());  // after the start: it waits for nobody's locks
  const bool registered = co_await registration_.start(number_);
  if (registered) co_await serve();
}

asio::awaitable<void> Daemon::serve() {
  tasks_.start(deletions_->run());
  tasks_.start(housekeeper_.run());
  tasks_.start(listen());
  tasks_.start(registration_.discover());
  tasks_.start(supervision_.tell_how_things_stand());
  tasks_.start(sync::check_for_stalls(accounts_.in_flight(), events_));
  log_.info("started", {{"version", BOUNCED_VERSION},
                        {"daemon", number_},
                        {"accounts", static_cast<std::int64_t>(config_.accounts.size())},
                        {"customers", static_cast<std::int64_t>(accounts_.customers().size())}});
  supervision_.ready();
  tasks_.start(keep_registered());  // which may reload at once
  co_await scheduler_->run();
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
    co_await pause.wait(1min);
  }
}

// Reloads when that is asked for, which comes between two registrations.
asio::awaitable<void> Daemon::keep_registered() {
  while (true) {
    if (!reload_.is_wanted()) co_await registration_.wait();
    if (reload_.is_wanted()) {
      co_await reload_.run();
      housekeeper_.wake();  // there may be other rules of classes
    } else {
      co_await registration_.refresh();
    }
  }
}

void Daemon::reloaded() {
  log_.set_level(config_.log.level);
  deletions_->reconfigured();
  heart_->hurry();
}

db::Options Daemon::options_for(const std::string& connection) const {
  db::Options options = connection_options(config_, "bounced run: " + connection);
  options.password = password_;
  return options;
}

db::Listener::Events Daemon::listener_events() {
  const auto lost = [this](const std::string& why) { log_.debug("not listening", {{"error", why}}); };
  return {.connected =
              [this] {
                scheduler_->wake();
                deletions_->wake();
              },
          .notified =
              [this](const std::string& channel, const std::string&) {
                if (channel == "bounced_deletions") deletions_->wake();
                if (channel == "bounced_polls") scheduler_->wake();
                if (channel == "bounced_customers") registration_.wake();
              },
          .lost = lost};
}

// Of the three loops without which nothing is polled or deleted.
Supervision::Time Daemon::last_turn() const {
  return std::min({heart_->turned_at(), scheduler_->turned_at(), deletions_->turned_at()});
}

void Daemon::stop_by(const char* name) {
  log_.info("stopping; a second signal ends it at once", {{"signal", name}});
  supervision_.stopping();
  stop();
}

// New work is not taken; run() does the rest.
void Daemon::stop() {
  at_database_.stop();
  if (scheduler_) scheduler_->stop();
  if (deletions_) deletions_->stop();
}

void Daemon::await_hangup() {
  hangups_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    supervision_.is_starting() ? reload_.ask_while_starting() : reload_.ask();
    registration_.wake();
    await_hangup();
  });
}

void run_daemon(const std::filesystem::path& config_file, const RunOptions& options) {
  hold_signal(SIGHUP);  // a reload that is asked for while we start
  config::Config config = config::load(config_file);
  // Who reads our standard error may go away.
  std::signal(SIGPIPE, SIG_IGN);
  Log log(config.log);
  asio::io_context io(1);
  Daemon daemon(io.get_executor(), config_file, std::move(config), log);
  std::exception_ptr failure;
  asio::co_spawn(io, daemon.run(options.migrate), [&failure](std::exception_ptr error) { failure = std::move(error); });
  io.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int run(const std::filesystem::path& config_file, const RunOptions& options) {
  try {
    run_daemon(config_file, options);
    return well;
  } catch (const std::exception& error) {
    Supervision::say(std::string("ended: ") + error.what());
    throw;
  }
}

}  // namespace bounced::daemon
