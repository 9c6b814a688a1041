// SPDX-License-Identifier: Apache-2.0
#include "sync/housekeeper.h"

#include "db/errors.h"
#include "db/retention.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

}  // namespace

Housekeeper::Housekeeper(const boost::asio::any_io_executor& executor, db::Pool& pool, std::chrono::seconds keep_polls)
    : pool_(pool), keep_polls_(keep_polls), wakeup_(executor) {}

boost::asio::awaitable<void> Housekeeper::run() {
  while (!stopping_) {
    Seconds sleep = 1h;
    try {
      const bool more =
          co_await pool_.run([this](db::Session& session) { return db::forget_polls(session, keep_polls_); });
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
