// SPDX-License-Identifier: Apache-2.0
#include "sync/admission.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <map>
#include <set>
#include <utility>

#include "db/waiting.h"
#include "sync/api/stopped.h"
#include "sync/gate.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr auto never = Clock::time_point::max();

}  // namespace

struct Admission::State : std::enable_shared_from_this<State> {
  // A call that is being made.
  struct Call {
    Call(std::shared_ptr<State> at, std::shared_ptr<Visit> who) : state(std::move(at)), visit(std::move(who)) {
      state->calls.insert(visit.get());
      ++visit->calls;
      if (!visit->began) visit->began = Clock::now();
    }
    ~Call() {
      state->calls.erase(state->calls.find(visit.get()));
      --visit->calls;
      state->admit();
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    std::shared_ptr<State> state;
    std::shared_ptr<Visit> visit;
  };

  State(const asio::any_io_executor& io, LimitsOf of, TakeTurns take)
      : executor(io), limits_of(std::move(of)), take_turns(std::move(take)), waiting(io), watched(io) {}

  Gate& gate_of(const std::string& account) { return gates.try_emplace(account, executor, watched).first->second; }

  void count(Clock::time_point now) {
    total = {};
    for (auto& [name, gate] : gates) gate.calls = {};
    for (const Visit* visit : calls) {
      for (CallCount* sum : {&total, &gate_of(visit->account).calls}) {
        ++(deletes(*visit) ? sum->deletions : sum->lists);
        if (!visit->is_slow(now)) continue;
        if (deletes(*visit)) ++sum->slow_deletions;
        if (deletes(*visit)) continue;
        ++sum->slow;
        sum->slow_visits.insert(visit);
      }
    }
  }

  // Whether there is a place, as of the last count.
  [[nodiscard]] bool has_place(const Visit& visit, const CallCount& of_account, const Limits& limits,
                               Clock::time_point now) const {
    if (deletes(visit)) {
      return total.deletions - std::min(total.slow_deletions, totals.deletions) < totals.deletions &&
             of_account.deletions < limits.at_once;
    }
    if (total.lists - std::min(total.slow, totals.lists) >= totals.lists) return false;
    if (of_account.lists >= limits.at_once) return false;
    if (limits.one_list_at_a_time && of_account.lists - of_account.slow >= 1) return false;
    if (!visit.is_slow(now) || of_account.slow_visits.contains(&visit)) return true;
    return static_cast<int>(of_account.slow_visits.size()) < std::max(1, limits.at_once / 2);
  }

  // Who of the gate goes next: there is a place, whether there is a turn or not.
  [[nodiscard]] Gate::Waiter* pick(const Gate& gate, const Limits& limits, Clock::time_point now) const {
    return gate.pick(now, [&](const Visit& visit) { return has_place(visit, gate.calls, limits, now); });
  }

  // Lets in everybody for whom there is a place and a turn, longest wait first.
  void admit() {
    while (true) {
      const auto now = Clock::now();
      count(now);
      Gate::Waiter* next = nullptr;
      for (auto& [name, gate] : gates) {
        if (gate.empty()) continue;
        const auto limits = limits_of(name);
        if (!limits) {
          gate.refuse(std::nullopt, std::make_exception_ptr(NotAdmitted()));
          continue;
        }
        gate.set_rate(limits->rate);
        Gate::Waiter* first = pick(gate, *limits, now);
        if (first == nullptr) continue;
        if (!gate.has_turn(now)) {
          serve(name, gate);
          continue;
        }
        const auto rank = [](const Gate::Waiter& waiter) { return std::pair(waiter.visit->calls > 0, waiter.number); };
        if (next == nullptr || rank(*first) < rank(*next)) next = first;
      }
      if (next == nullptr) break;
      const bool is_new = !next->visit->began;
      next->gate.let_in(*next, now, is_new, std::make_shared<Call>(shared_from_this(), next->visit));
    }
    watch();
  }

  // Gets turns for those who wait and have a place, as long as there are any.
  void serve(const std::string& name, Gate& gate) {
    if (std::exchange(gate.serving, true)) return;
    const auto on_end = [self = shared_from_this(), &gate](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);  // nothing in it throws
      gate.serving = false;
      self->admit();  // who came meanwhile
    };
    asio::co_spawn(executor, get_turns(shared_from_this(), name, gate), on_end);
  }

  static asio::awaitable<void> get_turns(std::shared_ptr<State> self, std::string name, Gate& gate) {
    co_await asio::post(self->executor, asio::use_awaitable);
    while (true) {
      const WantedTurns wanted = self->wanted(name, gate);
      if (wanted.none()) co_return;
      const auto now = Clock::now();
      const auto next_step = gate.next_step(now);
      if (gate.has_turn(now)) {
        self->admit();
      } else if (next_step > now) {
        co_await gate.wait(next_step);
      } else {
        co_await self->ask(name, gate, wanted);
      }
    }
  }

  // How many turns could be used now, as far as there are places.
  WantedTurns wanted(const std::string& name, Gate& gate) {
    const auto limits = limits_of(name);
    if (!limits || gate.empty()) return {};
    const auto now = Clock::now();
    count(now);
    gate.set_rate(limits->rate);
    const Gate::Waiter* next = gate.is_limited() ? pick(gate, *limits, now) : nullptr;
    if (next == nullptr) return {};
    WantedTurns turns = gate.wanted(now);
    const int counted = total.deletions - std::min(total.slow_deletions, totals.deletions);
    const int places_to_delete = std::min(totals.deletions - counted, limits->at_once - gate.calls.deletions);
    const int places_for_lists = std::max(0, limits->at_once - gate.calls.lists);
    turns.deletions = std::clamp(places_to_delete, 0, turns.deletions);
    turns.lists = std::min(turns.lists, places_for_lists);
    turns.subusers = std::min(turns.subusers, places_for_lists);
    // That one has a place.
    int& nexts = turns.of(next->visit->kind);
    nexts = std::max(1, nexts);
    return turns;
  }

  asio::awaitable<void> ask(const std::string& name, Gate& gate, WantedTurns wanted) {
    const auto asked = Clock::now();
    const db::Pace pace = gate.pace();
    db::Turns taken;
    std::exception_ptr lost;
    try {
      taken = co_await take_turns(name, pace, wanted);
    } catch (const std::exception&) {
      lost = std::current_exception();
    }
    if (lost) {
      gate.lost(lost, Clock::now());
    } else {
      gate.took(taken, pace, asked, Clock::now());
    }
    watch();
  }

  // Lets in those for whom there is a place as soon as a poll counts as slow, or a pause is over.
  void watch() {
    const auto now = Clock::now();
    const auto at = next_look(now);
    if (at == never || waiting.empty()) return watched.release_all();
    if (std::exchange(watching, true)) return;
    asio::co_spawn(executor, keep_watch(shared_from_this()), [self = shared_from_this()](const std::exception_ptr&) {
      self->watching = false;
      self->watch();
    });
  }

  static asio::awaitable<void> keep_watch(std::shared_ptr<State> self) {
    co_await asio::post(self->executor, asio::use_awaitable);
    while (!self->waiting.empty()) {
      const auto at = self->next_look(Clock::now());
      if (at == never) co_return;
      const Waited waited = co_await self->watched.wait(at);
      if (waited == Waited::timed_out) self->admit();
    }
  }

  [[nodiscard]] Clock::time_point next_look(Clock::time_point now) const {
    auto next = never;
    for (const auto& [name, gate] : gates) next = std::min(next, gate.next_pause_end(now));
    for (const Visit* visit : calls) {
      if (!visit->is_slow(now)) next = std::min(next, *visit->began + slow_after);
    }
    return next;
  }

  asio::any_io_executor executor;
  LimitsOf limits_of;
  TakeTurns take_turns;
  Totals totals;
  WaitList waiting;
  WaitList watched;
  std::map<std::string, Gate> gates;  // by account
  bool watching = false;
  std::size_t last_number = 0;
  std::multiset<const Visit*> calls;
  CallCount total;
};

Admission::Admission(const asio::any_io_executor& executor, LimitsOf limits_of, TakeTurns take_turns)
    : state_(std::make_shared<State>(executor, std::move(limits_of), std::move(take_turns))) {}

Admission::~Admission() {
  // What still runs must ask nobody who is gone.
  state_->limits_of = [](const std::string&) { return std::nullopt; };
  changed();
}

void Admission::set_totals(const Totals& totals) {
  state_->totals = totals;
  changed();
}

void Admission::changed() {
  state_->admit();
}

asio::awaitable<api::Permit> Admission::enter(std::shared_ptr<Visit> visit) {
  const std::shared_ptr<State> state = state_;  // the admission may go while we wait
  Gate& gate = state->gate_of(visit->account);
  if (gate.is_closed_to(*visit, Clock::now())) throw NotAdmitted();
  Gate::Waiter waiter(gate, state->waiting, std::move(visit), ++state->last_number);
  state->admit();
  const Waited waited = co_await waiter.wait.wait();
  if (waiter.refused) std::rethrow_exception(waiter.refused);
  if (waited != Waited::released) throw boost::system::system_error(asio::error::operation_aborted);
  co_await api::throw_if_stopped();
  co_return std::move(waiter.permit);
}

void Admission::turn_back(const std::string& account, CallKind kind, Seconds paused_for) {
  state_->gate_of(account).turn_back(Clock::now(), kind, paused_for, paused_for);
  state_->watch();
}

void Admission::turn_back(CallKind kind) {
  for (auto& [name, gate] : state_->gates) gate.turn_back(Clock::now(), kind, Seconds(0), Seconds(0));
  state_->watch();
}

int Admission::slow_deletions() const {
  const auto now = Clock::now();
  return static_cast<int>(std::ranges::count_if(
      state_->calls, [now](const Visit* visit) { return deletes(*visit) && visit->is_slow(now); }));
}

std::size_t Admission::waiting() const {
  return state_->waiting.count();
}

}  // namespace bounced::sync
