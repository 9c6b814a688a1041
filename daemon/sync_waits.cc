// SPDX-License-Identifier: Apache-2.0
#include "daemon/sync_waits.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/text.h"
#include "db/errors.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::chrono::duration<double> look_at_waits_every = 1s;
// Most waits are over sooner, and nobody needs to know.
constexpr auto worth_a_word = 3s;
constexpr auto say_again_after = 60s;

std::string customers_of(const db::Hindrance& hindrance) {
  const auto others = static_cast<std::uint64_t>(hindrance.customers - 1);
  return "customer " + hindrance.customer + (others > 0 ? " and " + counted(others, "other") : "");
}

std::string text_of(const db::Hindrance& hindrance) {
  if (hindrance.account.empty()) return customers_of(hindrance) + ": polled by " + hindrance.why;
  return fmt::format("account {}: its lists are paused until {}, {}", hindrance.account, local_time(hindrance.until),
                     hindrance.why);
}

}  // namespace

void SyncWaits::stage(std::string what) {
  stage_ = std::move(what);
}

asio::awaitable<void> SyncWaits::ask() {
  while (true) {
    const std::vector<std::string> names = waiting_();
    asked_at_ = Clock::now();
    try {
      const auto ask = [&](db::Session& session) { return db::hindrances(session, daemon_, names); };
      hindrances_ = co_await pool_.run(ask);
      asked_at_.reset();
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;  // others meet it too, and decide
    }
    co_await ask_again_.wait(look_at_waits_every);
  }
}

asio::awaitable<void> SyncWaits::look() {
  while (true) {
    co_await look_again_.wait(look_at_waits_every);
    look_at(Clock::now());
  }
}

std::vector<std::string> SyncWaits::waits_at(Clock::time_point now) const {
  std::vector<std::string> waits;
  if (!stage_.empty()) waits.push_back(stage_);
  if (asked_at_ && now - *asked_at_ >= worth_a_word) waits.emplace_back("the database, which does not answer");
  for (const db::Hindrance& hindrance : hindrances_) waits.push_back(text_of(hindrance));
  for (const sync::InFlight::Item& item : in_flight_.oldest(3)) {
    if (now - item.step_since < worth_a_word || item.waits_for.empty()) continue;
    waits.push_back(fmt::format("{} of {}: waits for {}", item.what, item.whom, item.waits_for));
  }
  // Neither a pause nor another daemon: it must be the row.
  const std::vector<std::string> names = waiting_();
  if (waits.empty() && !names.empty() && in_flight_.count() == 0) {
    waits.push_back(fmt::format("customer {}: its row is locked by another session, or inactive", names.front()));
  }
  return waits;
}

void SyncWaits::look_at(Clock::time_point now) {
  const std::vector<std::string> waits = waits_at(now);
  const std::set<std::string> current(waits.begin(), waits.end());
  std::erase_if(told_, [&](const auto& told) { return !current.contains(told.first); });
  for (const std::string& wait : waits) {
    Told& told = told_.try_emplace(wait, Told{now, std::nullopt}).first->second;
    if (now - told.since < worth_a_word || (told.when && now - *told.when < say_again_after)) continue;
    tell_("waiting: " + wait);
    told.when = now;
  }
}

}  // namespace bounced::daemon
