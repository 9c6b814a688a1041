// SPDX-License-Identifier: Apache-2.0
#include "daemon/at_database.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "db/errors.h"
#include "sync/database_trouble.h"

namespace bounced::daemon {

boost::asio::awaitable<bool> AtDatabase::run(const char* name, std::function<void(db::Session&)> work,
                                             sync::Seconds after_conflict) {
  using Clock = std::chrono::steady_clock;
  sync::DatabaseTrouble trouble(observer_, name);
  std::optional<Clock::time_point> away_since;
  while (!stopping_) {
    sync::Seconds delay{};
    try {
      co_await pool_.run(work);
      trouble.well();
      if (away_since) observer_.on(sync::DatabaseBack{Clock::now() - *away_since});
      co_return !stopping_;
    } catch (const db::NeedsAction&) {
      throw;
    } catch (const db::Error& error) {
      delay = trouble.failed(error);
      if (dynamic_cast<const db::Conflict*>(&error) != nullptr) delay = std::max(delay, after_conflict);
      const bool away = db::is_absence(error);
      supervision_.start_waits((away ? "waiting for the database: " : "the database refuses work: ") +
                               std::string(error.what()));
      if (away && !away_since) {
        away_since = Clock::now();
        log_.warning("waiting for the database", {{"error", std::string(error.what())}});
      }
    }
    if (!stopping_) co_await wakeup_.wait(delay);
  }
  co_return false;
}

void AtDatabase::stop() {
  stopping_ = true;
  wakeup_.wake();
}

}  // namespace bounced::daemon
