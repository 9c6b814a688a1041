// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervision.h"

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include "daemon/service_manager.h"
#include "daemon/status_view.h"
#include "daemon/text.h"
#include "db/errors.h"
#include "db/status.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::chrono::microseconds beat = 10s;
// A start or reload that goes on has this long until its next word: three beats.
constexpr std::chrono::microseconds extension = 3 * beat;
constexpr std::chrono::seconds look_every = 10s;

constexpr const char* stuck =
    "heartbeat, schedule or deletions do not go round, or something stalled; if that lasts, the watchdog ends the "
    "daemon";

}  // namespace

Supervision::Supervision(const asio::any_io_executor& executor, db::Pool& pool, std::function<Time()> last_turn,
                         std::function<bool()> is_stuck)
    : pool_(pool),
      last_turn_(std::move(last_turn)),
      is_stuck_(std::move(is_stuck)),
      pause_(executor),
      until_next_look_(executor),
      watchdog_(watchdog_interval()) {}

void Supervision::ready() {
  if (stage_ == Stage::stopping) return;
  const bool told = stage_ == Stage::waiting;
  stage_ = Stage::running;
  if (!told) tell_service_manager("READY=1");
  until_next_look_.wake();
}

void Supervision::start_waits(const std::string& why) {
  if (stage_ == Stage::stopping) return;
  say(why);
  if (stage_ == Stage::starting) tell_service_manager("READY=1");
  stage_ = Stage::waiting;
}

void Supervision::reloading() {
  if (stage_ == Stage::stopping) return;
  stage_ = Stage::reloading;
  tell_of_reload();
  pause_.wake();
}

void Supervision::reload_waits(const std::string& why) {
  remark_ = "; the reload waits for the database: " + why;
  if (stage_ != Stage::stopping) say("the reload waits for the database: " + why);
}

void Supervision::reloaded(bool well) {
  remark_ = well ? "" : "; the configuration was not reloaded (see: journalctl -u bounced)";
  ready();
}

void Supervision::stopping() {
  stage_ = Stage::stopping;
  tell_service_manager("STOPPING=1\nSTATUS=stopping: what is being written at the database comes to its end");
}

void Supervision::say(const std::string& words) {
  constexpr std::size_t readable = 400;
  std::string line = words;
  std::ranges::replace(line, '\n', ' ');
  tell_service_manager("STATUS=" + shortened(printable(line), readable));
}

bool Supervision::goes_round() const {
  // Starts and stops have limits of their own; nothing goes round while a start waits.
  const bool at_work = stage_ == Stage::running || stage_ == Stage::reloading;
  if (watchdog_ == 0us || !at_work) return true;
  return std::chrono::steady_clock::now() - last_turn_() < watchdog_ && !is_stuck_();
}

asio::awaitable<void> Supervision::keep_alive() {
  if (!has_service_manager()) co_return;
  const auto rest = watchdog_ > 0us ? std::min(beat, watchdog_ / 4) : beat;
  while (true) {
    if (stage_ == Stage::starting || stage_ == Stage::reloading) {
      tell_service_manager("EXTEND_TIMEOUT_USEC=" + std::to_string(extension.count()));
    }
    if (goes_round()) {
      if (watchdog_ > 0us) tell_service_manager("WATCHDOG=1");
    } else {
      say(stuck);
    }
    co_await pause_.wait(rest);
  }
}

asio::awaitable<void> Supervision::tell_how_things_stand() {
  if (!has_service_manager()) co_return;
  std::optional<std::time_t> troubled_since;
  while (true) {
    std::string words;
    try {
      words = summary_text(co_await pool_.run([](db::Session& session) { return db::read_summary(session); }));
      troubled_since.reset();
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
      if (!troubled_since) troubled_since = std::time(nullptr);
      words = (db::is_absence(error) ? "the database is away since "
                                     : "the database refuses to say how things stand since ") +
              local_time(*troubled_since) + ": " + error.what();
    }
    if (stage_ != Stage::stopping && goes_round()) say(words + remark_);
    co_await until_next_look_.wait(look_every);
  }
}

}  // namespace bounced::daemon
