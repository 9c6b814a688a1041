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
             std::int64_t daemon, std::chrono::steady_clock::time_point started, Accounts& accounts)
    : pool_(executor, std::move(options), 1),
      facts_(std::move(facts)),
      daemon_(daemon),
      accounts_(accounts),
      wakeup_(executor) {
  accounts_.heard({}, started);
}

boost::asio::awaitable<void> Heart::run() {
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> last;
  while (!stopping_) {
    bool well = true;
    const auto sent = Clock::now();
    const auto since_last = last ? std::optional<std::chrono::duration<double>>(sent - *last) : std::nullopt;
    try {
      const auto shares =
          co_await pool_.run([&](db::Session& session) { return db::heartbeat(session, daemon_, facts_, since_last); });
      accounts_.heard(shares, sent);
      last = sent;
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
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
