// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <filesystem>
#include <functional>

#include "config/config.h"
#include "daemon/log_events.h"
#include "daemon/registration.h"
#include "daemon/supervision.h"
#include "db/options.h"
#include "db/pool.h"
#include "sync/accounts.h"
#include "sync/wakeup.h"

namespace bounced::daemon {

// Makes the file, as it is when that is asked for, the daemon's configuration.
class Reload {
 public:
  // Writes into `config` and `password`. `applied` is called when that, and the accounts, have changed.
  Reload(const boost::asio::any_io_executor& executor, std::filesystem::path file, config::Config& config,
         db::Password& password, db::Pool& pool, sync::Accounts& accounts, Registration& registration,
         Supervision& supervision, LogEvents& events, Log& log, std::function<void()> applied);

  void ask();
  // The same while the start waits for the database: what it takes to get there, the password, is read at once.
  void ask_while_starting();
  [[nodiscard]] bool is_wanted() const { return wanted_; }
  // Where the database is needed and does not serve, it begins anew, later or when it is asked for again: by then the
  // file may be another. Where the file has problems, the configuration stays as it is.
  boost::asio::awaitable<void> run();

 private:
  boost::asio::awaitable<bool> apply();

  std::filesystem::path file_;
  config::Config& config_;
  db::Password& password_;
  db::Pool& pool_;
  sync::Accounts& accounts_;
  Registration& registration_;
  Supervision& supervision_;
  LogEvents& events_;
  Log& log_;
  std::function<void()> applied_;
  sync::Wakeup asked_;
  bool wanted_ = false;
};

}  // namespace bounced::daemon
