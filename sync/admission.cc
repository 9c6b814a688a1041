// SPDX-License-Identifier: Apache-2.0
#include "sync/admission.h"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <list>
#include <map>
#include <set>
#include <utility>

#include "db/errors.h"
#include "db/waiting.h"
#include "sync/api/stopped.h"
#include "sync/backoff.h"
#include "sync/call_turns.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Deletions in a row that lists wait for: these keep a quarter.
constexpr int most_deletions_in_a_row = 3;
// What has read a part of a list waits for so long until a pause is over, and looks so often.
constexpr auto short_pause = 90s;
constexpr Seconds paused_retry = 1s;
constexpr auto never = Clock::time_point::max();
// So often in a row turns are asked for in vain before those who wait learn of it: a database that is restarted is back
// soon, and a lock is gone sooner or later.
constexpr int most_losses = 3;
constexpr int most_conflicts = 10;

// Calls that are being made, of an account or of all.
struct Calls {
  int lists = 0;  // calls for subusers too
  int slow = 0;   // of these
  int deletions = 0;
  std::set<const Visit*> slow_visits = {};
};

bool deletes(const Visit& visit) {
  return visit.kind == CallKind::deletion;
}

// It has read a part already.
bool waits_pauses_out(const Visit& visit) {
  return visit.began && !deletes(visit);
}

Clock::time_point after(Clock::time_point now, Seconds time) {
  return now + std::chrono::duration_cast<Clock::duration>(time);
}

}  // namespace

struct Admission::State : std::enable_shared_from_this<State> {
  struct Gate;

  // Lives in the frame of the coroutine that waits.
  struct Waiter {
    Waiter(State& at, Gate& of, std::shared_ptr<Visit> who)
        : state(at), gate(of), visit(std::move(who)), number(++at.last_number), wait(at.waiting) {
      gate.waiters.push_back(this);
    }
    ~Waiter() {
      gate.waiters.remove(this);
      // Loops end that were for it.
      if (gate.waiters.empty()) gate.changed.release_all();
      state.watched.release_all();
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    State& state;
    Gate& gate;
    std::shared_ptr<Visit> visit;
    std::size_t number;  // in the order in which they came
    WaitList::Waiter wait;
    api::Permit permit;
    std::exception_ptr refused;
    std::optional<Clock::time_point> paused_since;
  };

  // An account's.
  struct Gate {
    explicit Gate(const asio::any_io_executor& executor) : changed(executor) {}
    std::list<Waiter*> waiters = {};  // longest wait first
    Calls calls = {};
    config::RateLimit rate = {.requests = 0};
    std::optional<CallTurns> turns = {};
    Clock::time_point ask_at = Clock::time_point::min();  // for turns, at the earliest
    int deletions_in_a_row = 0;
    // By kind of call, for those who wait pauses out: who comes anew is let in, since the pause may have been ended.
    std::array<Clock::time_point, 3> paused_until = {};
    int losses = 0;        // of the database, in a row
    bool serving = false;  // its loop runs
    WaitList changed;      // where its loop sleeps
  };

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

  Gate& gate_of(const std::string& account) { return gates.try_emplace(account, executor).first->second; }

  void count(Clock::time_point now) {
    total = {};
    for (auto& [name, gate] : gates) gate.calls = {};
    for (const Visit* visit : calls) {
      Gate& gate = gate_of(visit->account);
      for (Calls* sum : {&total, &gate.calls}) {
        ++(deletes(*visit) ? sum->deletions : sum->lists);
        if (deletes(*visit) || !visit->is_slow(now)) continue;
        ++sum->slow;
        sum->slow_visits.insert(visit);
      }
    }
  }

  // Whether there is a place, as of the last count.
  [[nodiscard]] bool has_place(const Visit& visit, const Calls& of_account, const Limits& limits,
                               Clock::time_point now) const {
    if (deletes(visit)) return total.deletions < totals.deletions && of_account.deletions < limits.at_once;
    if (total.lists - std::min(total.slow, totals.lists) >= totals.lists) return false;
    if (of_account.lists >= limits.at_once) return false;
    if (limits.one_list_at_a_time && of_account.lists - of_account.slow >= 1) return false;
    if (!visit.is_slow(now) || of_account.slow_visits.contains(&visit)) return true;
    return static_cast<int>(of_account.slow_visits.size()) < std::max(1, limits.at_once / 2);
  }

  [[nodiscard]] static Clock::time_point paused_until(const Gate& gate, const Visit& visit) {
    if (!waits_pauses_out(visit)) return Clock::time_point::min();
    return gate.paused_until[static_cast<std::size_t>(visit.kind)];
  }

  // Who of the gate goes next: there is a place, whether there is a turn or not.
  [[nodiscard]] Waiter* pick(const Gate& gate, const Limits& limits, Clock::time_point now) const {
    Waiter* deletion = nullptr;
    Waiter* list = nullptr;
    Waiter* further = nullptr;  // call of a visit that has one
    for (Waiter* waiter : gate.waiters) {
      if (waiter->permit || waiter->refused) continue;
      const Visit& visit = *waiter->visit;
      if (paused_until(gate, visit) > now) continue;
      Waiter*& place = deletes(visit) ? deletion : visit.calls > 0 ? further : list;
      if (place == nullptr && has_place(visit, gate.calls, limits, now)) place = waiter;
    }
    if (list == nullptr) list = further;
    if (deletion == nullptr || list == nullptr) return deletion == nullptr ? list : deletion;
    return gate.deletions_in_a_row < most_deletions_in_a_row ? deletion : list;
  }

  static void set_rate(Gate& gate, const config::RateLimit& rate) {
    if (rate.requests == gate.rate.requests && rate.per == gate.rate.per) return;
    gate.rate = rate;
    gate.turns.reset();
    if (rate.requests > 0) gate.turns.emplace(rate);
    gate.ask_at = Clock::time_point::min();
    gate.changed.release_all();
  }

  // Lets in everybody for whom there is a place and a turn, longest wait first.
  void admit() {
    while (true) {
      const auto now = Clock::now();
      count(now);
      Waiter* next = nullptr;
      for (auto& [name, gate] : gates) {
        if (gate.waiters.empty()) continue;
        const auto limits = limits_of(name);
        if (!limits) {
          refuse(gate, std::nullopt, std::make_exception_ptr(NotAdmitted()));
          continue;
        }
        set_rate(gate, limits->rate);
        Waiter* first = pick(gate, *limits, now);
        if (first == nullptr) continue;
        if (gate.turns) {
          const auto turn = gate.turns->next(now);
          if (!turn || *turn > now) {
            serve(name, gate);
            continue;
          }
        }
        const auto rank = [](const Waiter& waiter) { return std::pair(waiter.visit->calls > 0, waiter.number); };
        if (next == nullptr || rank(*first) < rank(*next)) next = first;
      }
      if (next == nullptr) break;
      let_in(*next, now);
    }
    watch();
  }

  void let_in(Waiter& waiter, Clock::time_point now) {
    Gate& gate = waiter.gate;
    if (gate.turns) gate.turns->use(now);
    gate.deletions_in_a_row = deletes(*waiter.visit) ? gate.deletions_in_a_row + 1 : 0;
    waiter.permit = std::make_shared<Call>(shared_from_this(), waiter.visit);
    gate.waiters.remove(&waiter);
    WaitList::release(waiter.wait);
    if (gate.waiters.empty()) gate.changed.release_all();
  }

  static void refuse(Waiter& waiter, const std::exception_ptr& why) {
    waiter.refused = why;
    WaitList::release(waiter.wait);
  }

  // Those who wait there; those of one kind where it is named.
  static void refuse(Gate& gate, std::optional<CallKind> kind, const std::exception_ptr& why) {
    const std::list<Waiter*> all = gate.waiters;
    for (Waiter* waiter : all) {
      if (kind && waiter->visit->kind != *kind) continue;
      gate.waiters.remove(waiter);
      refuse(*waiter, why);
    }
    gate.changed.release_all();
  }

  // The account is paused for so long. A poll that has read a part already waits a short pause out; the end of the
  // pause is looked for after `look_again`.
  void turn_back(Gate& gate, Clock::time_point now, CallKind kind, Seconds length, Seconds look_again) {
    const auto until = after(now, length);
    auto& paused_until = gate.paused_until[static_cast<std::size_t>(kind)];
    paused_until = std::max(paused_until, after(now, std::min(length, look_again)));
    const std::list<Waiter*> all = gate.waiters;
    for (Waiter* waiter : all) {
      if (waiter->visit->kind != kind) continue;
      if (waits_pauses_out(*waiter->visit)) {
        if (!waiter->paused_since) waiter->paused_since = now;
        if (until - *waiter->paused_since < short_pause) continue;
      }
      gate.waiters.remove(waiter);
      refuse(*waiter, std::make_exception_ptr(NotAdmitted()));
    }
    gate.changed.release_all();
    watched.release_all();
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
    asio::co_spawn(executor, run(shared_from_this(), name, gate), on_end);
  }

  static asio::awaitable<void> run(std::shared_ptr<State> self, std::string name, Gate& gate) {
    co_await asio::post(self->executor, asio::use_awaitable);
    while (true) {
      const Wanted wanted = self->wanted(name, gate);
      if (wanted.lists + wanted.deletions + wanted.subusers == 0) co_return;
      const auto now = Clock::now();
      const auto turn = gate.turns->next(now);
      if (turn && *turn <= now) {
        self->admit();
      } else if (turn || gate.ask_at > now) {
        co_await gate.changed.wait(turn ? *turn : gate.ask_at);
      } else {
        co_await self->ask(name, gate, wanted);
      }
    }
  }

  static int& of_kind(Wanted& turns, const Visit& visit) {
    if (deletes(visit)) return turns.deletions;
    return visit.kind == CallKind::list ? turns.lists : turns.subusers;
  }

  // How many turns could be used now, as far as there are places.
  Wanted wanted(const std::string& name, Gate& gate) {
    const auto limits = limits_of(name);
    if (!limits || gate.waiters.empty()) return {};
    const auto now = Clock::now();
    count(now);
    set_rate(gate, limits->rate);
    const Waiter* next = gate.turns ? pick(gate, *limits, now) : nullptr;
    if (next == nullptr) return {};
    Wanted turns;
    for (const Waiter* waiter : gate.waiters) {
      if (paused_until(gate, *waiter->visit) <= now) ++of_kind(turns, *waiter->visit);
    }
    const int places_to_delete = std::min(totals.deletions - total.deletions, limits->at_once - gate.calls.deletions);
    const int places_for_lists = std::max(0, limits->at_once - gate.calls.lists);
    turns.deletions = std::clamp(places_to_delete, 0, turns.deletions);
    turns.lists = std::min(turns.lists, places_for_lists);
    turns.subusers = std::min(turns.subusers, places_for_lists);
    // That one has a place.
    int& nexts = of_kind(turns, *next->visit);
    nexts = std::max(1, nexts);
    return turns;
  }

  asio::awaitable<void> ask(const std::string& name, Gate& gate, Wanted wanted) {
    const auto asked = Clock::now();
    const db::Pace pace = gate.turns->pace();
    db::Turns taken;
    std::exception_ptr lost;
    int bearable = 0;  // how often in a row it is borne
    try {
      taken = co_await take_turns(name, pace, wanted);
    } catch (const std::exception& error) {
      lost = std::current_exception();
      if (db::is_absence(error)) bearable = most_losses;
      if (dynamic_cast<const db::Conflict*>(&error) != nullptr) bearable = most_conflicts;
    }
    const auto now = Clock::now();
    gate.losses = lost ? gate.losses + 1 : 0;
    Seconds pause = lost ? database_retry.delay(gate.losses) : Seconds(0);
    // Polls fail by it, visibly. The others are given back: it is nothing that they did.
    if (lost && gate.losses >= bearable) {
      refuse(gate, CallKind::list, lost);
      refuse(gate, CallKind::subusers, std::make_exception_ptr(NotAdmitted()));
    }
    if (lost && gate.losses >= most_losses) refuse(gate, CallKind::deletion, std::make_exception_ptr(NotAdmitted()));
    // Somebody may have ended a pause.
    if (!lost) gate.paused_until = {};
    bool paused = false;
    for (const auto& [kind, length] :
         {std::pair(CallKind::list, taken.lists_paused_for), std::pair(CallKind::subusers, taken.subusers_paused_for),
          std::pair(CallKind::deletion, taken.deletions_paused_for)}) {
      if (length <= Seconds(0)) continue;
      paused = true;
      turn_back(gate, now, kind, length, paused_retry);
    }
    if (!lost && taken.count == 0 && paused) {
      pause = paused_retry;
    } else if (!lost && taken.count == 0) {
      pause = std::max<Seconds>(taken.first_in - 1s, 1ms);
    } else if (!lost && gate.turns && gate.turns->pace().spacing == pace.spacing) {
      gate.turns->add(taken, asked, now);
    }
    gate.ask_at = after(now, pause);
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
    for (const auto& [name, gate] : gates) {
      for (const Waiter* waiter : gate.waiters) {
        const auto until = paused_until(gate, *waiter->visit);
        if (until > now) next = std::min(next, until);
      }
    }
    for (const Visit* visit : calls) {
      if (!deletes(*visit) && !visit->is_slow(now)) next = std::min(next, *visit->began + slow_after);
    }
    return next;
  }

  asio::any_io_executor executor;
  LimitsOf limits_of;
  TakeTurns take_turns;
  Totals totals;
  std::map<std::string, Gate> gates;  // by account
  WaitList waiting;
  WaitList watched;
  bool watching = false;
  std::size_t last_number = 0;
  std::multiset<const Visit*> calls;
  Calls total;
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
  State::Gate& gate = state->gate_of(visit->account);
  if (State::paused_until(gate, *visit) >= Clock::now() + short_pause) throw NotAdmitted();
  State::Waiter waiter(*state, gate, std::move(visit));
  state->admit();
  const Waited waited = co_await waiter.wait.wait();
  if (waiter.refused) std::rethrow_exception(waiter.refused);
  if (waited != Waited::released) throw boost::system::system_error(asio::error::operation_aborted);
  co_await api::throw_if_stopped();
  co_return std::move(waiter.permit);
}

void Admission::turn_back(const std::string& account, CallKind kind, Seconds paused_for) {
  state_->turn_back(state_->gate_of(account), Clock::now(), kind, paused_for, paused_for);
}

void Admission::turn_back(CallKind kind) {
  for (auto& [name, gate] : state_->gates) state_->turn_back(gate, Clock::now(), kind, Seconds(0), Seconds(0));
}

std::size_t Admission::waiting() const {
  return state_->waiting.count();
}

}  // namespace bounced::sync
