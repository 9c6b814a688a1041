// SPDX-License-Identifier: Apache-2.0
#include "sync/heart.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "db/errors.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;

// Four beats in the time after which a daemon is taken for dead.
constexpr auto beat = std::chrono::duration<double>(db::dead_after_seconds) / 4;
constexpr std::chrono::duration<double> heartbeat_retry = 1s;

}  // namespace

Heart::Heart(const boost::asio::any_io_executor& executor, db::Options options, db::DaemonFacts facts,
             std::int64_t daemon, std::chrono::steady_clock::time_point started, Accounts& accounts, Observer& observer)
    : pool_(executor, std::move(options), 1),
      facts_(std::move(facts)),
      daemon_(daemon),
      accounts_(accounts),
      wakeup_(executor),
      trouble_(observer, "heartbeat") {
  accounts_.heard({}, started);
}

boost::asio::awaitable<void> Heart::run() {
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> last;
  while (!stopping_) {
    bool well = true;
    const auto sent = Clock::now();
    const auto since_last = last ? std::optional<std::chrono::duration<double>>(sent - *last) : std::nullopt;
    const db::DaemonAtWork at_work{.in_flight = in_flight_json(accounts_.in_flight(), sent),
                                   .stalls = accounts_.in_flight().stalls()};
    try {
      const auto say_alive = [daemon = daemon_, facts = facts_, since_last, &at_work](db::Session& session) {
        return db::heartbeat(session, daemon, facts, since_last, at_work);
      };
      const auto shares = co_await pool_.run(say_alive);
      trouble_.well();
      accounts_.heard(shares, sent);
      last = sent;
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
      trouble_.failed(error);
      well = false;
    }
    // A beat that took long tells little of now: the next one follows at once.
    const std::chrono::duration<double> rest = beat - (Clock::now() - sent);
    if (!stopping_) co_await wakeup_.wait(well ? std::max(rest, rest.zero()) : heartbeat_retry);
  }
}

void Heart::stop() {
  stopping_ = true;
  wakeup_.wake();
}

}  // namespace bounced::sync
