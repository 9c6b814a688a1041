// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>

#include "daemon/log.h"
#include "daemon/supervision.h"
#include "db/pool.h"
#include "sync/events.h"
#include "sync/wakeup.h"

namespace bounced::daemon {

// Runs what a daemon cannot start without at the database, and waits while that is away.
class AtDatabase {
 public:
  AtDatabase(const boost::asio::any_io_executor& executor, db::Pool& pool, Supervision& supervision,
             sync::Observer& observer, Log& log)
      : pool_(pool), supervision_(supervision), observer_(observer), log_(log), wakeup_(executor) {}

  // Returns false if the daemon is to stop. Throws what waiting does not mend. `name` is what the log calls the work
  // while statements are refused. Where others were in its way, it is tried again no sooner than `after_conflict`.
  boost::asio::awaitable<bool> run(const char* name, std::function<void(db::Session&)> work,
                                   sync::Seconds after_conflict = {});

  // Waits no longer.
  void stop();

 private:
  db::Pool& pool_;
  Supervision& supervision_;
  sync::Observer& observer_;
  Log& log_;
  sync::Wakeup wakeup_;
  bool stopping_ = false;
};

}  // namespace bounced::daemon
