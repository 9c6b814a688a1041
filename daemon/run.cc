// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <exception>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "config/load.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/log_events.h"
#include "daemon/process.h"
#include "daemon/reload.h"
#include "daemon/supervision.h"
#include "daemon/tasks.h"
#include "daemon/wiring.h"
#include "db/accounts.h"
#include "db/customers.h"
#include "db/daemons.h"
#include "db/listener.h"
#include "sync/backoff.h"
#include "sync/deletions.h"
#include "sync/discovery.h"
#include "sync/heart.h"
#include "sync/housekeeper.h"
#include "sync/scheduler.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Other daemons come and go with their configurations: by then it is noticed who relies on what.
constexpr auto register_every = 1min;
constexpr auto listen_again_after = 1min;

// The daemon from its start to its end.
class Daemon {
 public:
  Daemon(const asio::any_io_executor& executor, std::filesystem::path config_file, config::Config config, Log& log)
      : executor_(executor),
        config_file_(std::move(config_file)),
        config_(std::move(config)),
        log_(log),
        wakeup_(executor),
        registration_(executor),
        signals_(executor, [this](const char* name) { stop_by(name); }),
        hangups_(executor, SIGHUP),
        tasks_(executor, [this] { stop(); }),
        pool_(executor, connection_options(config_, "bounced run: work"), config_.database.connections),
        supervision_(executor, pool_, [this] { return last_turn(); }),
        accounts_(make_accounts(executor, pool_, config_)),
        discovery_(accounts_, events_),
        discovery_due_(executor),
        housekeeper_(executor, pool_, config_.retention),
        listener_(executor, connection_options(config_, "bounced run: listen"),
                  {"bounced_polls", "bounced_deletions", "bounced_customers"}, listener_events()) {
    await_hangup();
  }

  asio::awaitable<void> run(bool may_migrate);

 private:
  asio::awaitable<void> start_and_serve(bool may_migrate);
  asio::awaitable<void> serve(const db::Registered& result);
  asio::awaitable<bool> at_database(std::function<void(db::Session&)> work);
  asio::awaitable<void> listen();
  asio::awaitable<void> keep_registered();
  asio::awaitable<bool> recall_customers();
  asio::awaitable<void> discover_customers();
  asio::awaitable<void> reload();
  asio::awaitable<bool> apply(const config::Config& next);
  db::Registered register_with(db::Session& session, db::Existing existing);
  void registered(const db::Registered& result);
  db::Listener::Events listener_events();
  [[nodiscard]] Supervision::Time last_turn() const;
  void stop_by(const char* name);
  void stop();
  void await_hangup();

  asio::any_io_executor executor_;
  std::filesystem::path config_file_;
  config::Config config_;  // as it is now; others read their parts of it here
  Log& log_;
  LogEvents events_{log_};
  sync::Wakeup wakeup_;
  sync::Wakeup registration_;
  bool reload_wanted_ = false;
  bool stopping_ = false;
  StopSignals signals_;
  asio::signal_set hangups_;
  Tasks tasks_;
  db::Pool pool_;
  Supervision supervision_;
  sync::Accounts accounts_;
  sync::Discovery discovery_;
  sync::Wakeup discovery_due_;
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
  const bool prepared = co_await at_database([&](db::Session& session) {
    prepare_schema(session, may_migrate, config_file_, log_);
    check_time_zones(session, config_);
  });
  if (!prepared) co_return;
  std::chrono::steady_clock::time_point sent;
  const bool known = co_await at_database([&](db::Session& session) {
    sent = std::chrono::steady_clock::now();
    number_ = db::start_daemon(session, facts_, is_gone);
  });
  if (!known) co_return;
  heart_.emplace(executor_, connection_options(config_, "bounced run: heartbeat"), facts_, number_, sent, accounts_);
  tasks_.start(heart_->run());
  const bool recalled = co_await recall_customers();
  if (!recalled) co_return;
  db::Registered result;
  const bool done = co_await at_database([&](db::Session& session) {
    result = register_with(session, db::Existing::change);
    db::retry_credentials(session, accounts_.account_names());
  });
  if (done) co_await serve(result);
}

asio::awaitable<void> Daemon::serve(const db::Registered& result) {
  scheduler_.emplace(executor_, pool_, accounts_, events_, number_, config_.polling);
  deletions_.emplace(executor_, pool_, accounts_, events_, number_, config_.deletions);
  registered(result);
  tasks_.start(deletions_->run());
  tasks_.start(housekeeper_.run());
  tasks_.start(listen());
  tasks_.start(keep_registered());
  tasks_.start(discover_customers());
  tasks_.start(supervision_.tell_how_things_stand());
  log_.info("started", {{"version", BOUNCED_VERSION},
                        {"daemon", number_},
                        {"accounts", static_cast<std::int64_t>(config_.accounts.size())},
                        {"customers", static_cast<std::int64_t>(accounts_.customers().size())}});
  supervision_.ready();
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
    Supervision::say("waiting for the database: " + fault);
    if (failures++ == 0) log_.warning("waiting for the database", {{"error", fault}});
    if (!stopping_) co_await wakeup_.wait(sync::database_retry.delay(failures));
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

// Registers every minute and when another daemon has done so, and reloads when that is asked for.
asio::awaitable<void> Daemon::keep_registered() {
  while (true) {
    if (!reload_wanted_) co_await registration_.wait(register_every);
    if (std::exchange(reload_wanted_, false)) {
      co_await reload();
      continue;
    }
    // Whom others may take for dead would find that nobody has its customers, and let them go.
    if (!accounts_.stands()) continue;
    try {
      registered(co_await pool_.run(
          [this](db::Session& session) { return register_with(session, db::Existing::keep_if_relied_on); }));
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
    }
  }
}

// The API is asked later: it must not hold up what is known.
asio::awaitable<bool> Daemon::recall_customers() {
  std::map<std::string, std::vector<std::string>> known;
  const std::vector<std::string> accounts = accounts_.to_be_asked();
  const bool done = co_await at_database([&](db::Session& session) { known = db::known_customers(session, accounts); });
  if (done) discovery_.recall(known);
  co_return done;
}

// Asks the API for the customers of accounts that do not list them.
asio::awaitable<void> Daemon::discover_customers() {
  while (true) {
    const auto looked = co_await discovery_.look();
    if (looked.changed) registration_.wake();
    co_await discovery_due_.wait(looked.next);
  }
}

asio::awaitable<void> Daemon::reload() {
  supervision_.reloading();
  log_.info("reloading the configuration");
  const auto next = read_again(config_file_, config_, log_);
  bool applied = false;
  if (next) applied = co_await apply(*next);
  if (applied) {
    log_.info("configuration reloaded", {{"accounts", static_cast<std::int64_t>(config_.accounts.size())},
                                         {"customers", static_cast<std::int64_t>(accounts_.customers().size())}});
  }
  supervision_.reloaded(applied);
}

// Makes it the configuration from now on. Polls and deletions that are in flight come to their end as they began.
asio::awaitable<bool> Daemon::apply(const config::Config& next) {
  std::vector<std::string> other_credentials;
  try {
    const bool checked = co_await at_database([&](db::Session& session) { check_time_zones(session, next); });
    if (!checked) co_return false;
    other_credentials = accounts_.with_other_credentials(next);
    accounts_.configure(next);
    discovery_.hurry();
  } catch (const std::exception& error) {
    log_.error("the configuration is wrong, and was not reloaded", {{"problem", std::string(error.what())}});
    co_return false;
  }
  config_ = next;
  log_.set_level(config_.log.level);
  deletions_->reconfigured();
  const bool recalled = co_await recall_customers();
  if (!recalled) co_return false;
  db::Registered result;
  const bool done = co_await at_database([&](db::Session& session) {
    result = register_with(session, db::Existing::change);
    db::retry_credentials(session, other_credentials);
  });
  if (!done) co_return false;
  registered(result);
  heart_->hurry();
  deletions_->wake();
  discovery_due_.wake();
  co_return true;
}

db::Registered Daemon::register_with(db::Session& session, db::Existing existing) {
  return db::register_configuration(session, number_, accounts_.account_settings(), accounts_.customer_settings(),
                                    existing);
}

void Daemon::registered(const db::Registered& result) {
  if (result.deactivated > 0) log_.info("customers left the configuration", {{"customers", result.deactivated}});
  if (result.shifted > 0) {
    log_.info("times moved to another time zone", {{"customers", std::int64_t{result.shifted}}});
  }
  events_.disagreements(result.disagreements);
  std::vector<int> disagree;
  for (const db::Disagreement& customer : result.disagreements) disagree.push_back(customer.customer_id);
  scheduler_->leave_alone(disagree);
}

db::Listener::Events Daemon::listener_events() {
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
          .lost =
              [this](const std::string& why) {
                log_.debug("not listening", {{"error", why}});
              }};
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
  stopping_ = true;
  wakeup_.wake();
  if (scheduler_) scheduler_->stop();
  if (deletions_) deletions_->stop();
}

void Daemon::await_hangup() {
  hangups_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    reload_wanted_ = true;
    registration_.wake();
    await_hangup();
  });
}

void run_daemon(const std::filesystem::path& config_file, const RunOptions& options) {
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
