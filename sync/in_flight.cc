// SPDX-License-Identifier: Apache-2.0
#include "sync/in_flight.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <map>
#include <utility>

namespace bounced::sync {
namespace {

// A row of the database that is written every few seconds should stay small.
constexpr std::size_t most_told = 10;

double tenths(InFlight::Duration duration) {
  return std::round(duration.count() * 10) / 10;
}

}  // namespace

struct InFlight::State {
  struct Kept {
    Item item;
    std::function<void()> break_off;
    std::optional<Clock::time_point> broken_off = std::nullopt;
    bool stuck = false;
  };

  std::map<std::uint64_t, Kept> kept;  // by when they began
  std::uint64_t last_id = 0;
  std::int64_t stalls = 0;
  std::optional<Clock::time_point> checked;
};

InFlight::Entry::Entry(Entry&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)), id_(std::exchange(other.id_, 0)) {}

InFlight::Entry& InFlight::Entry::operator=(Entry&& other) noexcept {
  std::swap(state_, other.state_);
  std::swap(id_, other.id_);
  return *this;
}

InFlight::Entry::~Entry() {
  if (state_) state_->kept.erase(id_);
}

void InFlight::Entry::waits_for(std::string what, Duration at_most) {
  if (!state_) return;
  State::Kept& kept = state_->kept.at(id_);
  // It goes on: whatever held it up is over.
  kept.broken_off.reset();
  kept.stuck = false;
  Item& item = kept.item;
  item.waits_for = std::move(what);
  item.step_since = Clock::now();
  item.deadline = item.step_since + std::chrono::duration_cast<Clock::duration>(at_most);
}

InFlight::InFlight() : state_(std::make_shared<State>()) {}

InFlight::Entry InFlight::begin(std::string what, std::string whom, std::function<void()> break_off) {
  const auto now = Clock::now();
  const std::uint64_t id = ++state_->last_id;
  state_->kept[id] = {.item = {.what = std::move(what),
                               .whom = std::move(whom),
                               .since = now,
                               .waits_for = {},
                               .step_since = now,
                               .deadline = std::nullopt},
                      .break_off = std::move(break_off)};
  return {state_, id};
}

std::vector<InFlight::Item> InFlight::check(Clock::time_point now) {
  const auto since_last = state_->checked ? now - *state_->checked : Clock::duration::zero();
  state_->checked = now;
  const auto held_up = since_last > 2 * check_every ? since_last - check_every : Clock::duration::zero();
  std::vector<Item> stalled;
  std::vector<std::function<void()>> to_break_off;
  for (auto& [id, kept] : state_->kept) {
    if (kept.item.deadline) *kept.item.deadline += held_up;
    if (kept.broken_off) {
      *kept.broken_off += held_up;
      kept.stuck = now - *kept.broken_off >= stall_after;
      continue;
    }
    if (!kept.item.deadline || now - *kept.item.deadline < stall_after) continue;
    kept.broken_off = now;
    ++state_->stalls;
    stalled.push_back(kept.item);
    if (kept.break_off) {
      to_break_off.push_back(kept.break_off);
    } else {
      kept.stuck = true;
    }
  }
  for (const auto& break_off : to_break_off) break_off();
  return stalled;
}

bool InFlight::stuck() const {
  return std::ranges::any_of(state_->kept, [](const auto& kept) { return kept.second.stuck; });
}

std::size_t InFlight::count() const {
  return state_->kept.size();
}

std::int64_t InFlight::stalls() const {
  return state_->stalls;
}

std::vector<InFlight::Item> InFlight::oldest(std::size_t most) const {
  std::vector<Item> items;
  for (const auto& [id, kept] : state_->kept) {
    if (items.size() == most) break;
    items.push_back(kept.item);
  }
  return items;
}

std::string in_flight_json(const InFlight& in_flight, InFlight::Clock::time_point now) {
  boost::json::array oldest;
  for (const InFlight::Item& item : in_flight.oldest(most_told)) {
    oldest.push_back(boost::json::object{{"what", item.what},
                                         {"whom", item.whom},
                                         {"seconds", tenths(now - item.since)},
                                         {"waits_for", item.waits_for},
                                         {"step_seconds", tenths(now - item.step_since)},
                                         {"late", item.deadline && now > *item.deadline}});
  }
  return boost::json::serialize(boost::json::object{{"count", in_flight.count()}, {"oldest", std::move(oldest)}});
}

}  // namespace bounced::sync
