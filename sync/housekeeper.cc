// SPDX-License-Identifier: Apache-2.0
#include "sync/housekeeper.h"

#include "db/errors.h"
#include "db/retention.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

}  // namespace

Housekeeper::Housekeeper(const boost::asio::any_io_executor& executor, db::Pool& pool, const config::Retention& keep)
    : pool_(pool), keep_(keep), wakeup_(executor) {}

boost::asio::awaitable<void> Housekeeper::run() {
  while (!stopping_) {
    Seconds sleep = 1h;
    try {
      const bool more = co_await pool_.run([this](db::Session& session) {
        const bool polls = db::forget_polls(session, keep_.polls);
        const bool requests = db::forget_requests(session, keep_.deletion_requests);
        return polls || requests;
      });
      if (more) sleep = 0s;
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
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
