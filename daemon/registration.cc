// SPDX-License-Identifier: Apache-2.0
#include "daemon/registration.h"

#include <algorithm>
#include <map>
#include <utility>

#include "db/accounts.h"
#include "db/errors.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Other daemons come and go with their configurations: by then it is noticed who relies on what.
constexpr std::chrono::seconds register_every = 1min;
// People may edit rows, which no daemon's number shows.
constexpr std::chrono::seconds compare_every = 10min;
constexpr auto compare_soon = 10s;
// A customer whose list is being merged could not be changed, or the daemon looked dead for a moment.
constexpr sync::Seconds again_after = 1s;
constexpr auto least_distance = 1s;

using Clock = std::chrono::steady_clock;

}  // namespace

Registration::Registration(const asio::any_io_executor& executor, db::Pool& pool, AtDatabase& at_database,
                           sync::Accounts& accounts, LogEvents& events, Log& log,
                           std::function<void(const std::vector<int>&)> leave_alone)
    : pool_(pool),
      at_database_(at_database),
      accounts_(accounts),
      events_(events),
      log_(log),
      leave_alone_(std::move(leave_alone)),
      discovery_(accounts, events),
      due_(executor),
      discovery_due_(executor),
      trouble_(events, "registration") {}

// The customers of accounts that do not list them are those that the database knows, until the API names others. It is
// asked later: it must not hold up what is known.
asio::awaitable<bool> Registration::recall(const Run& run) {
  std::map<std::string, std::vector<std::string>> known;
  const std::vector<std::string> accounts = accounts_.to_be_asked();
  const Work work = [&](db::Session& session) { known = db::known_customers(session, accounts); };
  const bool done = co_await run(work);
  if (done) discovery_.recall(known);
  co_return done;
}

asio::awaitable<bool> Registration::start(std::int64_t daemon) {
  daemon_ = daemon;
  decide();
  const Run run = [this](Work work) { return at_database_.run("registration", std::move(work)); };
  co_return co_await change(run);
}

asio::awaitable<bool> Registration::reconfigured() {
  decide();
  bool done = false;
  try {
    done = co_await change_now();
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    retry_in_ = trouble_.failed(error);
  }
  co_return done;
}

void Registration::decide() {
  decided_ = true;
  later_.clear();  // every difference is found anew
}

asio::awaitable<bool> Registration::change(const Run& run) {
  const bool recalled = co_await recall(run);
  if (!recalled) co_return false;
  const Snapshot configured = accounts_.configured();
  const auto result = std::make_shared<db::Registered>();
  const Work work = [=, daemon = daemon_](db::Session& session) {
    *result = db::register_configuration(session, daemon, *configured, db::Existing::change);
  };
  const bool done = co_await run(work);
  if (!done) co_return false;
  decided_ = false;
  registered(configured, std::move(*result));
  co_return true;
}

// One try. Whom others may take for dead would find that nobody has its customers, and let them go.
asio::awaitable<bool> Registration::change_now() {
  if (!accounts_.stands()) co_return false;
  const Run run = [this](Work work) { return once(std::move(work)); };
  const bool done = co_await change(run);
  if (done) rediscover();
  co_return done;
}

// Where somebody holds an account's row, a moment later.
asio::awaitable<void> Registration::end_pauses() {
  if (retry_.empty()) co_return;
  const std::vector<std::string> accounts(retry_.begin(), retry_.end());
  const auto done = co_await pool_.run([&](db::Session& session) { return db::end_pauses(session, accounts); });
  for (const std::string& name : done) retry_.erase(name);
  std::erase_if(retry_, [this](const std::string& name) { return !accounts_.find(name); });
}

asio::awaitable<void> Registration::refresh() {
  if (!accounts_.stands()) co_return;
  // Anybody who may connect can wake it by NOTIFY, as often as he likes.
  too_soon_ = !decided_ && Clock::now() < refreshed_at_ + least_distance;
  if (too_soon_) co_return;
  refreshed_at_ = Clock::now();
  auto flight = accounts_.in_flight().begin("registration", "");
  flight.waits_for("the database", sync::database_budget);
  try {
    if (decided_) {
      co_await change_now();
    } else {
      co_await compare();
    }
    co_await end_pauses();
    co_await change_later(flight);
    trouble_.well();
    retry_in_ = {};
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    retry_in_ = trouble_.failed(error);
  }
}

asio::awaitable<bool> Registration::once(Work work) {
  co_await pool_.run(work);
  co_return true;
}

asio::awaitable<void> Registration::compare() {
  const Snapshot configured = accounts_.configured();
  const std::string state = co_await pool_.run(db::registration_state);
  const bool same = configured == registered_ && state == state_ && Clock::now() < compare_at_;
  if (same) co_return;
  const auto work = [daemon = daemon_, configured](db::Session& session) {
    return db::register_configuration(session, daemon, *configured, db::Existing::keep_if_relied_on);
  };
  registered(configured, co_await pool_.run(work));
}

// One after the other, so that no more than one connection waits for a merge.
asio::awaitable<void> Registration::change_later(sync::InFlight::Entry& flight) {
  std::int64_t shifted = 0;
  for (auto left = later_.size(); left > 0; --left) {
    const db::CustomerSettings& settings = later_.front().settings;
    const auto now = accounts_.customers().find(settings.name);
    if (now == accounts_.customers().end() || now->second != settings) {
      later_.pop_front();  // it was configured otherwise since
      compare_at_ = {};
      continue;
    }
    const auto work = [daemon = daemon_, change = later_.front()](db::Session& session) {
      return db::change_customer(session, daemon, change);
    };
    later_.push_back(std::move(later_.front()));  // the next one first, if this one fails
    later_.pop_front();
    flight.waits_for("a customer's row, or its times to be moved", sync::database_budget);
    const bool moved = co_await pool_.run(work);
    later_.pop_back();
    if (moved) ++shifted;
    if (later_.empty()) compare_at_ = {};  // they may be polled now
  }
  if (shifted > 0) log_.info("times moved to another time zone", {{"customers", shifted}});
  if (compare_at_ == Clock::time_point{}) co_await compare();
}

asio::awaitable<void> Registration::wait() {
  const bool soon = decided_ || !later_.empty() || !retry_.empty() || too_soon_ || !accounts_.stands();
  const sync::Seconds comparison = compare_at_ - Clock::now();
  co_await due_.wait(
      std::max(retry_in_, soon ? again_after : std::clamp<sync::Seconds>(comparison, again_after, register_every)));
}

asio::awaitable<void> Registration::discover() {
  while (true) {
    const auto looked = co_await discovery_.look();
    if (looked.changed) wake();
    co_await discovery_due_.wait(looked.next);
  }
}

void Registration::rediscover() {
  discovery_.hurry();
  discovery_due_.wake();
}

void Registration::registered(const Snapshot& configured, db::Registered result) {
  if (result.deactivated > 0) log_.info("customers left the configuration", {{"customers", result.deactivated}});
  events_.disagreements(result.disagreements);
  std::vector<int> disagree;
  for (const db::Disagreement& customer : result.disagreements) disagree.push_back(customer.customer_id);
  for (const db::CustomerChange& change : result.later) disagree.push_back(change.customer_id);
  leave_alone_(disagree);
  registered_ = configured;
  state_ = std::move(result.state);
  compare_at_ = Clock::now() + (result.complete ? compare_every : compare_soon);
  // What a start or a reload decided stays decided.
  for (db::CustomerChange& change : result.later) {
    std::erase_if(later_, [&](const auto& other) { return other.customer_id == change.customer_id; });
    later_.push_back(std::move(change));
  }
}

}  // namespace bounced::daemon
