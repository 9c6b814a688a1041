// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "db/pool.h"
#include "sync/wakeup.h"

namespace bounced::daemon {

// What the service manager is told of the daemon: that it is ready, reloads or stops; in words, which `systemctl
// status` shows, how things stand; that a start which takes long goes on; and, where the unit has a watchdog, that the
// work goes round. Without a service manager it does nothing.
//
// READY comes when the daemon is at work, or earlier when its start has to wait for the database: whoever started the
// service, an upgrade of packages among them, must not wait for a database that is away. A migration holds READY back,
// so that `systemctl start` tells whether it failed.
class Supervision {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // last_turn says when the loop of the work that is behind all others came round last; is_stuck, whether something
  // stalled that only another start can help.
  Supervision(const boost::asio::any_io_executor& executor, db::Pool& pool, std::function<Time()> last_turn,
              std::function<bool()> is_stuck);

  [[nodiscard]] bool is_starting() const { return stage_ == Stage::starting || stage_ == Stage::waiting; }
  // It is at work.
  void ready();
  // Its start waits, for as long as that takes; `why` says what for.
  void start_waits(const std::string& why);
  void reloading();
  // It is tried again until the database answers.
  void reload_waits(const std::string& why);
  // With the new configuration, or, where that has problems, with the old one.
  void reloaded(bool well);
  void stopping();
  // What a start does, or why the daemon ends.
  static void say(const std::string& words);

  // Both until they are cancelled.
  boost::asio::awaitable<void> keep_alive();
  boost::asio::awaitable<void> tell_how_things_stand();

 private:
  enum class Stage { starting, waiting, running, reloading, stopping };
  [[nodiscard]] bool goes_round() const;

  db::Pool& pool_;
  std::function<Time()> last_turn_;
  std::function<bool()> is_stuck_;
  sync::Wakeup pause_;
  sync::Wakeup until_next_look_;
  Stage stage_ = Stage::starting;
  std::string remark_;
  std::chrono::microseconds watchdog_;  // 0: the unit has none
};

}  // namespace bounced::daemon
