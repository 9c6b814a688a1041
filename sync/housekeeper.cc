// SPDX-License-Identifier: Apache-2.0
#include "sync/housekeeper.h"

#include <chrono>
#include <memory>

#include "db/classification.h"
#include "db/errors.h"
#include "db/retention.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// The views include what is not added up yet: it only must not become so much that they get slow.
constexpr Seconds between_sums = 30s;
constexpr std::chrono::hours between_removals = 1h;

bool forget(db::Session& session, const config::Retention& keep) {
  const bool polls = db::forget_polls(session, keep.polls);
  const bool requests = db::forget_requests(session, keep.deletion_requests);
  const bool gone = keep.gone_bounces.count() > 0 && db::forget_gone(session, keep.gone_bounces);
  return polls || requests || gone;
}

}  // namespace

Housekeeper::Housekeeper(const boost::asio::any_io_executor& executor, db::Pool& pool, Observer& observer,
                         const config::Retention& keep, const Accounts& accounts)
    : pool_(pool), keep_(keep), accounts_(accounts), wakeup_(executor), trouble_(observer, "housekeeping") {}

boost::asio::awaitable<void> Housekeeper::run() {
  Clock::time_point forget_at = Clock::now();
  while (!stopping_) {
    Seconds sleep = between_sums;
    const Clock::time_point began = Clock::now();
    try {
      const std::shared_ptr<const db::Configured> configured = accounts_.configured();
      const bool may_forget = began >= forget_at;
      bool more_to_forget = false;
      const auto step = [&, keep = keep_](db::Session& session) {
        more_to_forget = may_forget && forget(session, keep);
        const bool more_to_sum = db::fold_counts(session);
        const bool more_to_classify = db::classify_next(session, *configured->classifier);
        return more_to_forget || more_to_sum || more_to_classify;
      };
      const bool more = co_await pool_.run(step);
      if (may_forget && !more_to_forget) forget_at = began + between_removals;
      // Half of the time of one connection at most.
      if (more) sleep = Clock::now() - began;
      trouble_.well();
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
      trouble_.failed(error);
      sleep = 1min;
    }
    if (!stopping_) co_await wakeup_.wait(sleep);
  }
}

void Housekeeper::stop() {
  stopping_ = true;
  wakeup_.wake();
}

}  // namespace bounced::sync
