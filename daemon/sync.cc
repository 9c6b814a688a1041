// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <set>

#include "config/duration.h"
#include "config/load.h"
#include "config/text.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/log_events.h"
#include "daemon/process.h"
#include "daemon/progress.h"
#include "daemon/sync_waits.h"
#include "daemon/tasks.h"
#include "daemon/text.h"
#include "daemon/wiring.h"
#include "db/accounts.h"
#include "db/classification.h"
#include "db/customers.h"
#include "db/migrator.h"
#include "db/status.h"
#include "sync/deletions.h"
#include "sync/discovery.h"
#include "sync/heart.h"
#include "sync/once.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;

// The names, which must be configured, or all names if there are none; each once.
std::vector<std::string> choose_customers(const std::vector<std::string_view>& configured,
                                          std::vector<std::string> names) {
  if (names.empty()) names.assign(configured.begin(), configured.end());
  for (const std::string& name : names) {
    if (std::ranges::find(configured, name) != configured.end()) continue;
    const std::string_view near = config::nearest(name, configured);
    throw MustChange(fmt::format("no customer {} is configured{}", config::in_quotes(name),
                                 near.empty() ? "" : fmt::format("; did you mean {}?", config::in_quotes(near))));
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

// What happens to single customers is told at the end, by name; the log has it where somebody looks for a fault.
class SyncEvents final : public sync::Observer {
 public:
  explicit SyncEvents(Log& log) : log_(log), events_(log) {}

  void on(const sync::Event& event) override {
    const bool of_all =
        std::holds_alternative<sync::AccountPaused>(event) || std::holds_alternative<sync::AccountResumed>(event) ||
        std::holds_alternative<sync::CustomersNotListed>(event) || std::holds_alternative<sync::DatabaseLost>(event) ||
        std::holds_alternative<sync::DatabaseBack>(event) || std::holds_alternative<sync::WorkRefused>(event) ||
        std::holds_alternative<sync::CustomersRemarked>(event);
    if (of_all || log_.shows(config::LogLevel::debug)) events_.on(event);
  }

 private:
  Log& log_;
  LogEvents events_;
};

// Returns, where another migration is still under way, what is known of it.
std::string prepare_schema_in_turn(db::Session& session, Log& log) {
  try {
    prepare_schema(session, true, {}, log);
    return {};
  } catch (const db::AnotherMigrates& another) {
    return another.what();
  }
}

// What a sync came to, besides what its observers counted.
struct SyncResult {
  std::size_t customers = 0;
  bool not_listed = false;  // an account did not name its customers
  sync::OnceResult polls;
  std::vector<db::QueueStatus> left;  // requests of these customers that are not done
  std::vector<std::string> waited;    // for what, when it was given up
};

// What is done at the end of the time has so long to come to its own end.
constexpr std::chrono::seconds grace{20};

std::string gave_up(std::chrono::seconds timeout) {
  return fmt::format("gave up after {} (--timeout)", config::format_duration(timeout));
}

class Sync {
 public:
  Sync(const asio::any_io_executor& executor, const config::Config& config, std::chrono::seconds timeout, Log& log,
       Progress& progress)
      : executor_(executor),
        config_(config),
        log_(log),
        progress_(progress),
        signals_(executor, [this](const char*) { stop(); }),
        tasks_(executor, [this] { stop(); }),
        pool_(executor, connection_options(config, "bounced sync: work"), config.database.connections),
        accounts_(make_accounts(executor, pool_, config)),
        waits_(
            executor, pool_, accounts_.in_flight(),
            [this] { return once_ ? once_->waiting() : std::vector<std::string>(); },
            [this](const std::string& line) { tell(line); }),
        timeout_(timeout),
        time_is_over_(executor) {
    limit_time();
  }

  // `customers`: those to poll; none: all.
  asio::awaitable<SyncResult> run(std::vector<std::string> customers);

 private:
  asio::awaitable<SyncResult> start_and_work(const std::vector<std::string>& chosen);
  void stop();
  void limit_time();
  void tell(const std::string& line);

  asio::any_io_executor executor_;
  const config::Config& config_;
  Log& log_;
  Progress& progress_;
  StopSignals signals_;
  bool stopping_ = false;
  Tasks tasks_;
  db::Pool pool_;
  sync::Accounts accounts_;
  sync::Discovery discovery_{accounts_, progress_};
  std::int64_t number_ = 0;  // of this daemon in the database; 0: not there yet
  std::optional<sync::Heart> heart_;
  std::optional<sync::Once> once_;
  std::optional<sync::Deletions> deletions_;
  SyncWaits waits_;
  std::chrono::seconds timeout_;
  asio::steady_timer time_is_over_;
  std::vector<std::string> waited_;  // for what, when the time was over
};

asio::awaitable<SyncResult> Sync::run(std::vector<std::string> customers) {
  SyncResult result;
  std::exception_ptr failure;
  try {
    result = co_await start_and_work(customers);
  } catch (...) {
    failure = std::current_exception();
    stop();  // what is in flight
  }
  try {
    co_await tasks_.end();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  if (number_ != 0) co_await leave(pool_, number_, log_);
  signals_.close();
  time_is_over_.cancel();
  result.waited = waited_;
  if (failure) std::rethrow_exception(failure);
  co_return result;
}

asio::awaitable<SyncResult> Sync::start_and_work(const std::vector<std::string>& chosen) {
  const db::DaemonFacts facts = daemon_facts();
  std::chrono::steady_clock::time_point sent;
  tasks_.start(waits_.look());
  waits_.stage("the database");
  for (bool prepared = false; !prepared && !stopping_;) {
    const std::string other =
        co_await pool_.run([this](db::Session& session) { return prepare_schema_in_turn(session, log_); });
    prepared = other.empty();
    if (!prepared) waits_.stage(other);
  }
  if (stopping_) co_return SyncResult{};
  waits_.stage("the database");
  co_await pool_.run([&](db::Session& session) {
    check_time_zones(session, config_);
    refuse_transaction_pooling(session, connection_options(config_, "bounced sync: work"));
    sent = std::chrono::steady_clock::now();
    number_ = db::start_daemon(session, facts, is_gone);
  });
  heart_.emplace(executor_, connection_options(config_, "bounced sync: heartbeat"), facts, number_, sent, accounts_,
                 progress_);
  tasks_.start(heart_->run());
  const std::vector<std::string> asked = accounts_.to_be_asked();
  const auto known = co_await pool_.run([&](db::Session& session) { return db::known_customers(session, asked); });
  discovery_.recall(known);
  waits_.is_daemon(number_);
  waits_.stage("");
  const auto looked = co_await discovery_.look();
  if (stopping_) co_return SyncResult{};
  SyncResult result;
  result.not_listed = looked.failed;
  std::vector<std::string_view> configured;
  for (const auto& [name, customer] : accounts_.customers()) configured.push_back(name);
  const std::vector<std::string> customers = choose_customers(configured, chosen);
  result.customers = customers.size();
  progress_.expect(customers.size());
  const auto settings = accounts_.configured();
  const std::vector<std::string> names_of_accounts = accounts_.account_names();
  // The polls of those whose rows stay as they are fail, and say why.
  std::vector<std::string> unchanged;
  waits_.stage("the database, to register the customers");
  co_await pool_.run([&](db::Session& session) {
    const auto registered = db::register_configuration(session, number_, *settings, db::Existing::keep_if_relied_on);
    for (const db::CustomerChange& change : registered.later) {
      try {
        db::change_customer(session, number_, change);
      } catch (const db::Conflict& conflict) {
        unchanged.push_back(change.settings.name + ": " + conflict.what());
      }
    }
    db::end_pauses(session, names_of_accounts);
  });
  for (const std::string& customer : unchanged) log_.warning("a customer's row is in use", {{"customer", customer}});
  heart_->hurry();  // it learns who shares the accounts
  once_.emplace(executor_, pool_, accounts_, progress_, number_, config_.polling, customers);
  waits_.stage("");
  tasks_.start(waits_.ask());
  if (stopping_) once_->stop();
  result.polls = co_await once_->run();

  std::set<std::string> names(customers.begin(), customers.end());
  if (!stopping_) {
    deletions_.emplace(executor_, pool_, accounts_, progress_, number_, config_.deletions);
    co_await deletions_->drain(names);
  }
  result.polls.stopped = stopping_;
  result.left = co_await pool_.run([](db::Session& session) {
    // Where no daemon runs, nobody else adds up the counts.
    while (db::fold_counts(session)) {
    }
    return db::read_queue(session);
  });
  std::erase_if(result.left, [&](const auto& queue) { return queue.pending == 0 || !names.contains(queue.customer); });
  co_return result;
}

void Sync::stop() {
  stopping_ = true;
  if (once_) once_->stop();
  if (deletions_) deletions_->stop();
  accounts_.turn_back(sync::CallKind::subusers);
}

// At the end of the time all comes to an end as by a signal. What does not, since the database does not answer, is left
// alone: a transaction that is not committed changes nothing, and the claims come free by themselves.
void Sync::limit_time() {
  time_is_over_.expires_after(timeout_);
  time_is_over_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    waited_ = waits_.waits();
    if (waited_.empty()) waited_.emplace_back("what was being done");
    stop();
    time_is_over_.expires_after(grace);
    time_is_over_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      tell(fmt::format("{}; waited for: {}; it is not known what became of what was being done", gave_up(timeout_),
                       fmt::join(waited_, "; ")));
      std::_Exit(failed);
    });
  });
}

void Sync::tell(const std::string& line) {
  progress_.clear();
  fmt::print(stderr, "bounced: {}\n", printable(line));
}

// Names what failed or is left, on standard error; returns whether there is any.
bool report_deletions(const SyncResult& result, const Progress& progress) {
  std::uint64_t failed_count = 0;
  for (const auto& [customer, failures] : progress.failed_deletions()) {
    failed_count += failures.count;
    fmt::print(stderr, "bounced: customer {}: {} failed: {}\n", printable(customer),
               counted(failures.count, "deletion request"), printable(failures.last_error));
  }
  std::uint64_t left = 0;
  for (const db::QueueStatus& queue : result.left) {
    const auto pending = static_cast<std::uint64_t>(queue.pending);
    left += pending;
    const std::string why = queue.waits_for.empty() ? "" : fmt::format(" ({})", queue.waits_for);
    fmt::print(stderr, "bounced: customer {}: {} still pending{}{}\n", printable(queue.customer),
               counted(pending, "deletion request"), why,
               queue.last_error ? ": " + printable(*queue.last_error) : std::string());
  }
  if (progress.deletions() + failed_count + left > 0) {
    fmt::print("{}: {} done, {} failed, {} still pending\n",
               counted(progress.deletions() + failed_count + left, "deletion request"), grouped(progress.deletions()),
               grouped(failed_count), grouped(left));
  }
  return failed_count + left > 0;
}

// What was not done, on standard error.
void report_end(const SyncResult& all, std::chrono::seconds timeout) {
  constexpr std::size_t most_named = 20;
  const sync::OnceResult& result = all.polls;
  const std::string why = all.waited.empty() ? "stopped" : gave_up(timeout);
  fmt::print(stderr, "bounced: {}: {} of {} done\n", why, grouped(result.merged + result.failed.size()),
             counted(all.customers, "customer"));
  for (const std::string& wait : all.waited) fmt::print(stderr, "bounced: it waited for: {}\n", printable(wait));
  for (std::size_t i = 0; i < std::min(most_named, result.not_done.size()); ++i) {
    fmt::print(stderr, "bounced: customer {}: not done\n", printable(result.not_done[i]));
  }
  if (result.not_done.size() > most_named) {
    fmt::print(stderr, "bounced: and {} more\n", grouped(result.not_done.size() - most_named));
  }
}

int report(const SyncResult& all, const Progress& progress, std::chrono::seconds timeout) {
  const std::size_t customers = all.customers;
  const sync::OnceResult& result = all.polls;
  for (const auto& [customer, why] : result.held) {
    fmt::print("customer {}: {}\n", printable(customer), printable(why));
  }
  std::fflush(stdout);
  for (const auto& [customer, why] : result.failed) {
    fmt::print(stderr, "bounced: customer {} failed: {}\n", printable(customer), printable(why));
  }
  const double rate = static_cast<double>(progress.rows()) / std::max(progress.seconds(), 0.001);
  fmt::print("{}: {} mirrored ({} held), {} failed; {} in {:.1f} s ({} rows/s)\n", counted(customers, "customer"),
             grouped(result.merged), grouped(result.held.size()), grouped(result.failed.size()),
             counted(progress.rows(), "row"), progress.seconds(), grouped(static_cast<std::uint64_t>(rate)));
  const bool unwell = report_deletions(all, progress) || !result.failed.empty() || all.not_listed;
  if (!result.stopped && all.waited.empty()) return unwell ? failed : well;
  std::fflush(stdout);
  report_end(all, timeout);
  return failed;
}

}  // namespace

int sync(const std::filesystem::path& config_file, const SyncOptions& options) {
  const config::Config config = config::load(config_file);
  std::vector<std::string_view> configured;
  bool asks = false;  // the API for more of them
  for (const config::Account& account : config.accounts) {
    for (const config::Customer& customer : account.customers) configured.push_back(customer.name);
    asks = asks || account.all_customers;
  }
  if (!asks) choose_customers(configured, options.customers);  // a wrong name is told before anything is done

  Log log(config.log);
  SyncEvents events(log);
  Progress progress(::isatty(STDERR_FILENO) != 0, events);
  asio::io_context io(1);
  Sync sync(io.get_executor(), config, options.timeout, log, progress);
  std::exception_ptr failure;
  SyncResult result;
  asio::co_spawn(io, sync.run(options.customers), [&](std::exception_ptr error, SyncResult ended) {
    failure = std::move(error);
    result = std::move(ended);
  });
  io.run();
  progress.clear();
  if (failure) std::rethrow_exception(failure);
  return report(result, progress, options.timeout);
}

}  // namespace bounced::daemon
