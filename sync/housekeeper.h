// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "config/config.h"
#include "db/pool.h"
#include "sync/database_trouble.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// Removes what is older than the configuration wants it kept, every hour, in small steps.
class Housekeeper {
 public:
  // `keep` is read anew each time.
  Housekeeper(const boost::asio::any_io_executor& executor, db::Pool& pool, Observer& observer,
              const config::Retention& keep);

  // Ends after stop(). A database that is away is tried again.
  boost::asio::awaitable<void> run();
  void stop();

 private:
  db::Pool& pool_;
  const config::Retention& keep_;
  Wakeup wakeup_;
  DatabaseTrouble trouble_;
  bool stopping_ = false;
};

}  // namespace bounced::sync
