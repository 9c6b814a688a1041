// SPDX-License-Identifier: Apache-2.0
#include "sync/housekeeper.h"

#include "db/errors.h"
#include "db/retention.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

}  // namespace

Housekeeper::Housekeeper(const boost::asio::any_io_executor& executor, db::Pool& pool, Observer& observer,
                         const config::Retention& keep)
    : pool_(pool), keep_(keep), wakeup_(executor), trouble_(observer, "removal of old rows") {}

boost::asio::awaitable<void> Housekeeper::run() {
  while (!stopping_) {
    Seconds sleep = 1h;
    try {
      const auto forget = [keep = keep_](db::Session& session) {
        const bool polls = db::forget_polls(session, keep.polls);
        const bool requests = db::forget_requests(session, keep.deletion_requests);
        const bool gone = keep.gone_bounces.count() > 0 && db::forget_gone(session, keep.gone_bounces);
        return polls || requests || gone;
      };
      const bool more = co_await pool_.run(forget);
      if (more) sleep = 0s;
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
