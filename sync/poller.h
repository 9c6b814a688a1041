// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "db/claims.h"
#include "db/pool.h"
#include "sync/accounts.h"
#include "sync/decision.h"
#include "sync/events.h"
#include "sync/in_flight.h"

namespace bounced::sync {

// How a poll ended.
struct PollResult {
  enum class End {
    merged,
    failed,         // noted in the customer's row
    not_noted,      // failed, and the database refused to note it: the claim is still ours
    account_fault,  // no call for the account can go well now: it is paused, for instance. The customer is due as
                    // before
    discarded,      // the claim was lost, or the customer is configured otherwise: nothing was changed
    database_lost,  // the claim comes free when the database is back
    stopped,
  };
  End end;
  std::string message;    // of a failure or fault, for people
  bool refused = false;   // failed, since the database refused a statement
  bool held = false;      // merged, but the shrink guard holds what the list lacks
  bool hopeless = false;  // of an account_fault: waiting for the end of the pause is not known to help
  Seconds pause{};        // of an account_fault: how long the account is left alone
};

// Does one poll from claim to end: asks the API, merges the list, notes what happened, gives the claim back, and tells
// the observer. A crash barrier: what goes wrong with one customer stays there.
class Poller {
 public:
  // `schedule_matters`: whether a customer whose row has another schedule than the configuration is left alone.
  Poller(db::Pool& pool, Accounts& accounts, Observer& observer, bool schedule_matters)
      : pool_(pool), accounts_(accounts), observer_(observer), schedule_matters_(schedule_matters) {}

  // A cancelled poll ends soon: at the network at once, at the database when the transaction that runs has ended.
  // `on_send` is called right before the API is. `is_slow`: the customer's last poll took long. `flight` is told what
  // the poll waits for.
  boost::asio::awaitable<PollResult> poll(
      db::Claim claim, std::function<void()> on_send = [] {}, bool is_slow = false, InFlight::Entry flight = {});

 private:
  boost::asio::awaitable<PollResult> read_and_merge(const db::Claim& claim, const std::function<void()>& on_send,
                                                    bool is_slow, InFlight::Entry& flight);
  boost::asio::awaitable<PollResult> end_with_fault(const db::Claim& claim, Account& account, const api::Fault& fault);
  boost::asio::awaitable<PollResult> fail(const db::Claim& claim, const std::string& kind, const std::string& message,
                                          Seconds not_before = {});
  boost::asio::awaitable<PollResult> pause(const db::Claim& claim, Account& account, const api::Fault& fault,
                                           Decision::Pause who);
  boost::asio::awaitable<PollResult> not_now(const db::Claim& claim);
  boost::asio::awaitable<PollResult> discard(const db::Claim& claim, const std::string& why);

  db::Pool& pool_;
  Accounts& accounts_;
  Observer& observer_;
  bool schedule_matters_;
};

}  // namespace bounced::sync
