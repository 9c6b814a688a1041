// SPDX-License-Identifier: Apache-2.0
// The calls of Deletions that are in flight: from a claimed request to its end.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "sync/cancelled.h"
#include "sync/deletions.h"

namespace bounced::sync {

namespace asio = boost::asio;

void Deletions::start_calls() {
  // What was claimed before it may be others' by now.
  if (std::exchange(lapses_, accounts_.lapses()) != accounts_.lapses()) give_back(lanes_.take_unsent());
  while (!stopping_) {
    auto request = lanes_.next();
    if (!request) return;
    const auto signal = calls_.emplace(calls_.end());
    const auto on_end = [this, signal](const std::exception_ptr& error) {
      calls_.erase(signal);
      if (error) broken_ = error;
      wakeup_.wake();
    };
    auto flight = accounts_.in_flight().begin("deletion", request->customer, [this, at = &*signal] {
      // Breaking another one off may have ended it.
      for (auto& one : calls_) {
        if (&one == at) one.emit(asio::cancellation_type::terminal);
      }
    });
    asio::co_spawn(executor_, call(*std::move(request), std::move(flight)),
                   asio::bind_cancellation_slot(signal->slot(), on_end));
  }
}

asio::awaitable<void> Deletions::call(RequestLanes::Request request, InFlight::Entry flight) {
  // A call that is broken off still has an end to be written.
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto began = Clock::now();
  bool sent = false;
  std::vector<RequestLanes::Request> along;  // in the same call, with the same end
  db::RequestEnd ended{.claim = request.claim, .kind = db::RequestEnd::Kind::released};
  try {
    ended = co_await carry_out(request, along, sent, flight);
  } catch (const std::exception& error) {
    // A crash barrier: what goes wrong with one request stays there.
    if (!was_cancelled(error) && dynamic_cast<const NotAdmitted*>(&error) == nullptr) {
      ended = Removals::broken(request.claim, error.what());
    } else if (sent) {
      ended.kind = db::RequestEnd::Kind::interrupted;
    }
  }
  lanes_.answered(request, Removals::answer_of(ended));
  for (RequestLanes::Request& other : along) {
    db::RequestEnd same = ended;
    same.claim = other.claim;
    ends_.put({.end = std::move(same), .request = std::move(other), .took = Clock::now() - began});
  }
  ends_.put({.end = std::move(ended), .request = std::move(request), .took = Clock::now() - began});
  start_calls();
}

asio::awaitable<db::RequestEnd> Deletions::carry_out(RequestLanes::Request& request,
                                                     std::vector<RequestLanes::Request>& along, bool& sent,
                                                     InFlight::Entry& flight) {
  auto address = api::Address::parse(request.claim.email);
  if (const auto* why = std::get_if<std::string>(&address)) co_return Removals::refused(request.claim, *why);
  // A reload does not take it away from under us.
  const std::shared_ptr<Account> account = accounts_.find(request.account);
  const auto visit = std::make_shared<Visit>(Visit{.kind = CallKind::deletion, .account = request.account});
  api::Permit permit;
  if (account) {
    flight.waits_for("its turn", turn_budget + account->settings.rate_limit.per);
    try {
      permit = co_await accounts_.enter(visit);
    } catch (const NotAdmitted&) {
    }
  }
  // It may have been reconfigured meanwhile.
  if (!permit || !accounts_.has(request.customer, request.account)) {
    give_back(lanes_.take_unsent(request.account));  // they would come to the same end
    co_return db::RequestEnd{.claim = request.claim, .kind = db::RequestEnd::Kind::released};
  }
  sent = true;
  api::Addresses addresses(std::get<api::Address>(std::move(address)));
  for (RequestLanes::Request& other : lanes_.sent(request, per_call(*account))) {
    auto another = api::Address::parse(other.claim.email);
    if (const auto* why = std::get_if<std::string>(&another)) {
      db::RequestEnd ended = Removals::refused(other.claim, *why);
      ends_.put({.end = std::move(ended), .request = std::move(other)});
    } else {
      addresses.add(std::get<api::Address>(std::move(another)));
      along.push_back(std::move(other));
    }
  }
  start_calls();
  flight.waits_for("the API's answer", answer_budget);
  // The first call's is there already: what goes along with it is decided after the wait.
  const api::Admit admit = [this, &visit, &permit, &flight, &account]() -> asio::awaitable<api::Permit> {
    if (permit) co_return std::exchange(permit, nullptr);
    flight.waits_for("its turn for another call", turn_budget + account->settings.rate_limit.per);
    api::Permit another = co_await accounts_.enter(visit);
    flight.waits_for("the API's answer", answer_budget);
    co_return another;
  };
  Removals::Outcome outcome = co_await removals_.remove(request, *account, std::move(addresses), admit);
  if (outcome.paused) {
    ++pauses_;
    give_back(lanes_.take_unsent(request.account));
    wake();  // others of the account may go on
  }
  co_return std::move(outcome.end);
}

// Makes requests pending again that were not sent.
void Deletions::give_back(std::vector<RequestLanes::Request> unsent) {
  for (RequestLanes::Request& request : unsent) {
    db::RequestEnd released{.claim = request.claim, .kind = db::RequestEnd::Kind::released};
    ends_.put({.end = std::move(released), .request = std::move(request)});
  }
}

void Deletions::written(EndedRequest ended, bool claim_lost) {
  const db::RequestEnd::Kind kind = ended.end.kind;
  lanes_.let_go(ended.request);
  if (kind == db::RequestEnd::Kind::released && !claim_lost) return;  // nothing happened to it
  if (!claim_lost) progress_.count(kind);
  observer_.on(RequestEnded{.customer = std::move(ended.request.customer),
                            .account = std::move(ended.request.account),
                            .end = std::move(ended.end),
                            .claim_lost = claim_lost,
                            .took = ended.took});
}

}  // namespace bounced::sync
