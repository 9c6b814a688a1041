// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "config/config.h"
#include "db/pool.h"
#include "sync/accounts.h"
#include "sync/database_trouble.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// What nobody waits for, in small steps: adds up counts and classifies bounces by newer rules; and, every hour, removes
// what is older than the configuration wants it kept.
class Housekeeper {
 public:
  // `keep` and the accounts' classifier are read anew each time.
  Housekeeper(const boost::asio::any_io_executor& executor, db::Pool& pool, Observer& observer,
              const config::Retention& keep, const Accounts& accounts);

  // Ends after stop(). A database that is away is tried again.
  boost::asio::awaitable<void> run();
  void stop();
  // There may be more to do than it thinks: other rules, for instance.
  void wake() { wakeup_.wake(); }

 private:
  db::Pool& pool_;
  const config::Retention& keep_;
  const Accounts& accounts_;
  Wakeup wakeup_;
  DatabaseTrouble trouble_;
  bool stopping_ = false;
};

}  // namespace bounced::sync
