// SPDX-License-Identifier: Apache-2.0
#include "sync/gate.h"

#include <algorithm>
#include <utility>

#include "db/errors.h"
#include "sync/backoff.h"

namespace bounced::sync {
namespace {

using namespace std::chrono_literals;

// Deletions in a row that lists wait for: these keep a quarter.
constexpr int most_deletions_in_a_row = 3;
// What has read a part of a list waits for so long until a pause is over, and looks so often.
constexpr auto short_pause = 90s;
constexpr Gate::Seconds paused_retry = 1s;
// So often in a row turns are asked for in vain before those who wait learn of it: a database that is restarted is back
// soon, and a lock is gone sooner or later.
constexpr int most_losses = 3;
constexpr int most_conflicts = 10;

// It has read a part already.
bool waits_pauses_out(const Visit& visit) {
  return visit.began && !deletes(visit);
}

Gate::Clock::time_point after(Gate::Clock::time_point now, Gate::Seconds time) {
  return now + std::chrono::duration_cast<Gate::Clock::duration>(time);
}

}  // namespace

Gate::Waiter::Waiter(Gate& of, WaitList& list, std::shared_ptr<Visit> who, std::size_t order)
    : gate(of), visit(std::move(who)), number(order), wait(list) {
  gate.waiters_.push_back(this);
}

Gate::Waiter::~Waiter() {
  gate.waiters_.remove(this);
  // Loops end that were for it.
  if (gate.waiters_.empty()) gate.changed_.release_all();
  gate.watched_.release_all();
}

void Gate::set_rate(const config::RateLimit& rate) {
  if (rate.requests == rate_.requests && rate.per == rate_.per) return;
  rate_ = rate;
  turns_.reset();
  if (rate.requests > 0) turns_.emplace(rate);
  ask_at_ = Clock::time_point::min();
  changed_.release_all();
}

Gate::Waiter* Gate::pick(Clock::time_point now, const HasPlace& has_place) const {
  Waiter* deletion = nullptr;
  Waiter* list = nullptr;
  Waiter* further = nullptr;  // call of a visit that has one
  for (Waiter* waiter : waiters_) {
    const Visit& visit = *waiter->visit;
    if (paused_until(visit) > now) continue;
    Waiter*& place = deletes(visit) ? deletion : visit.calls > 0 ? further : list;
    if (place == nullptr && has_place(visit)) place = waiter;
  }
  if (list == nullptr) list = further;
  if (deletion == nullptr || list == nullptr) return deletion == nullptr ? list : deletion;
  return deletions_in_a_row_ < most_deletions_in_a_row ? deletion : list;
}

bool Gate::has_turn(Clock::time_point now) {
  if (!turns_) return true;
  const auto turn = turns_->next(now);
  return turn && *turn <= now;
}

void Gate::let_in(Waiter& waiter, Clock::time_point now, bool is_new, api::Permit permit) {
  if (turns_) turns_->use(now);
  if (is_new) paused_until_[static_cast<std::size_t>(waiter.visit->kind)] = {};
  deletions_in_a_row_ = deletes(*waiter.visit) ? deletions_in_a_row_ + 1 : 0;
  waiter.permit = std::move(permit);
  waiters_.remove(&waiter);
  WaitList::release(waiter.wait);
  if (waiters_.empty()) changed_.release_all();
}

void Gate::refuse(Waiter& waiter, const std::exception_ptr& why) {
  waiter.refused = why;
  WaitList::release(waiter.wait);
}

void Gate::refuse(std::optional<CallKind> kind, const std::exception_ptr& why) {
  const std::list<Waiter*> all = waiters_;
  for (Waiter* waiter : all) {
    if (kind && waiter->visit->kind != *kind) continue;
    waiters_.remove(waiter);
    refuse(*waiter, why);
  }
  changed_.release_all();
}

void Gate::turn_back(Clock::time_point now, CallKind kind, Seconds length, Seconds look_again) {
  const auto until = after(now, length);
  auto& paused_until = paused_until_[static_cast<std::size_t>(kind)];
  paused_until = std::max(paused_until, after(now, std::min(length, look_again)));
  const std::list<Waiter*> all = waiters_;
  for (Waiter* waiter : all) {
    if (waiter->visit->kind != kind) continue;
    if (waits_pauses_out(*waiter->visit)) {
      if (!waiter->paused_since) waiter->paused_since = now;
      if (until - *waiter->paused_since < short_pause) continue;
    }
    waiters_.remove(waiter);
    refuse(*waiter, std::make_exception_ptr(NotAdmitted()));
  }
  changed_.release_all();
  watched_.release_all();
}

Gate::Clock::time_point Gate::paused_until(const Visit& visit) const {
  if (!waits_pauses_out(visit)) return Clock::time_point::min();
  return paused_until_[static_cast<std::size_t>(visit.kind)];
}

bool Gate::is_closed_to(const Visit& visit, Clock::time_point now) const {
  return paused_until(visit) >= now + short_pause;
}

Gate::Clock::time_point Gate::next_pause_end(Clock::time_point now) const {
  auto next = Clock::time_point::max();
  for (const Waiter* waiter : waiters_) {
    const auto until = paused_until(*waiter->visit);
    if (until > now) next = std::min(next, until);
  }
  return next;
}

WantedTurns Gate::wanted(Clock::time_point now) const {
  WantedTurns turns;
  for (const Waiter* waiter : waiters_) {
    if (paused_until(*waiter->visit) <= now) ++turns.of(waiter->visit->kind);
  }
  return turns;
}

void Gate::took(const db::Turns& taken, const db::Pace& pace, Clock::time_point asked, Clock::time_point now) {
  losses_ = 0;
  paused_until_ = {};  // somebody may have ended a pause
  ask_at_ = now;
  for (const auto& [kind, length] :
       {std::pair(CallKind::list, taken.lists_paused_for), std::pair(CallKind::subusers, taken.subusers_paused_for),
        std::pair(CallKind::deletion, taken.deletions_paused_for)}) {
    if (length > Seconds(0)) turn_back(now, kind, length, paused_retry);
  }
  if (taken.count == 0) {
    // Who waits a pause out looks whether it was ended.
    const bool paused = next_pause_end(now) != Clock::time_point::max();
    ask_at_ = after(now, paused ? paused_retry : std::max<Seconds>(taken.first_in - 1s, 1ms));
  } else if (turns_ && turns_->pace().spacing == pace.spacing) {
    turns_->add(taken, asked, now);
    // The answer took so long that they are of the past: others need theirs.
    if (!turns_->next(now)) ask_at_ = after(now, database_retry.delay(1));
  }
}

// Polls fail by it, visibly. The others are given back: it is nothing that they did.
void Gate::lost(const std::exception_ptr& error, Clock::time_point now) {
  int bearable = 0;  // how often in a row it is borne
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& fault) {
    if (db::is_absence(fault)) bearable = most_losses;
    if (dynamic_cast<const db::Conflict*>(&fault) != nullptr) bearable = most_conflicts;
  }
  ++losses_;
  ask_at_ = after(now, database_retry.delay(losses_));
  const auto given_back = std::make_exception_ptr(NotAdmitted());
  if (losses_ >= bearable) {
    refuse(CallKind::list, error);
    refuse(CallKind::subusers, given_back);
  }
  if (losses_ >= most_losses) refuse(CallKind::deletion, given_back);
}

Gate::Clock::time_point Gate::next_step(Clock::time_point now) {
  return turns_->next(now).value_or(ask_at_);
}

}  // namespace bounced::sync
