// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/config.h"
#include "db/accounts.h"
#include "sync/api/permit.h"
#include "sync/call_turns.h"
#include "sync/visit.h"

namespace bounced::sync {

// The one point at which it is decided that a call is made now, whichever it is. It takes the turn of the rate limit
// and the place together, so that who has no place uses no turn:
//
// - of all lists, and of all deletions, so many calls at once in this daemon. A call that has been slow counts no more,
//   up to as many again;
// - of an account, so many calls at once for lists, and as many that delete: its share in this daemon. Slow polls have
//   at most half of them. An account of which nobody has answered lately makes one call at a time;
// - a further call of a poll that has one in flight takes only what no other needs;
// - of an account's turns, deletions get three before a list gets one.
//
// Places go to those who have waited longest. Everything is on one thread.
class Admission {
 public:
  struct Limits {  // of an account, in this daemon and at this moment
    config::RateLimit rate;
    int at_once = 1;
    bool one_list_at_a_time = false;
  };
  struct Totals {  // in this daemon
    int lists = 1;
    int deletions = 1;
  };
  using Wanted = WantedTurns;
  // Nothing: the account is not configured.
  using LimitsOf = std::function<std::optional<Limits>(const std::string& account)>;
  using TakeTurns = std::function<boost::asio::awaitable<db::Turns>(const std::string& account, const db::Pace& pace,
                                                                    const Wanted& wanted)>;

  Admission(const boost::asio::any_io_executor& executor, LimitsOf limits_of, TakeTurns take_turns);
  // Turns back who waits.
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  void set_totals(const Totals& totals);
  // The limits of accounts may be others now.
  void changed();

  // Waits for a turn and a place. Throws NotAdmitted, operation_aborted when it is cancelled, and to a poll what the
  // database said that gives no turns, or that is away for longer than a moment.
  boost::asio::awaitable<api::Permit> enter(std::shared_ptr<Visit> visit);

  // Lets those go who wait, without a place: of one account, or all. A poll that has read a part already waits until
  // the account's pause is over, if that is soon.
  void turn_back(const std::string& account, CallKind kind, std::chrono::duration<double> paused_for);
  void turn_back(CallKind kind);

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] int slow_deletions() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bounced::sync
