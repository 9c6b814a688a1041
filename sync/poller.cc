// SPDX-License-Identifier: Apache-2.0
#include "sync/poller.h"

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>
#include <variant>

#include "db/errors.h"
#include "db/mirror.h"
#include "sync/backoff.h"
#include "sync/cancelled.h"
#include "sync/pausing.h"
#include "sync/poll_sink.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using End = PollResult::End;

// A customer that fails is tried again after 15 s at first, in the end at its own interval.
Backoff retry_of(const db::Claim& claim) {
  return {15s, std::max<Seconds>(20s, claim.every)};
}
// What a server may ask for.
constexpr Seconds longest_retry_after = 15min;

// For a place to stage a long list in: others have them while they read theirs, which may take hours.
constexpr Seconds staging_budget = 12h;
// The slowest disks merge a megabyte of a list in a second.
constexpr double merged_bytes_per_second = 1e6;

// Passes a list on to a sink, and tells what the poll waits for meanwhile.
class WatchedSink final : public api::Sink {
 public:
  WatchedSink(api::Sink& to, InFlight::Entry& flight) : to_(to), flight_(flight) {}

  asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override {
    flight_.waits_for("the database to take a part of the list", staging_budget);
    co_await to_.put(std::move(batch));
    flight_.waits_for("the list", answer_budget);
  }

 private:
  api::Sink& to_;
  InFlight::Entry& flight_;
};

}  // namespace

asio::awaitable<PollResult> Poller::poll(db::Claim claim, std::function<void()> on_send, bool is_slow,
                                         InFlight::Entry flight) {
  // A cancelled poll still gives its claim back.
  co_await asio::this_coro::throw_if_cancelled(false);
  claim.full = claim.full || accounts_.needs_full(claim);
  PollResult result{.end = End::stopped, .message = {}};
  std::string broken;
  bool refused = false;
  try {
    result = co_await read_and_merge(claim, on_send, is_slow, flight);
  } catch (const std::exception& error) {
    // A conflict is with somebody, about this customer.
    refused = db::is_database_fault(error) && dynamic_cast<const db::Conflict*>(&error) == nullptr;
    if (db::is_absence(error)) {
      result = {.end = End::database_lost, .message = error.what()};
    } else if (!was_cancelled(error)) {
      broken = error.what();
    }
  }
  flight.waits_for("the database to note how it ended", database_budget);
  // From here on a cancellation has nothing to break off: waiting for a connection must not fail by it.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  try {
    if (!broken.empty()) {
      result = co_await fail(claim, "internal", broken);
      result.refused = refused;
    } else if (result.end == End::stopped) {
      co_await pool_.run([&](db::Session& session) { db::release(session, claim); });
    }
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    result = {.end = db::is_absence(error) ? End::database_lost : End::not_noted,
              .message = broken.empty() ? error.what() : broken,
              .refused = true};
  }
  co_return result;
}

asio::awaitable<PollResult> Poller::read_and_merge(const db::Claim& claim, const std::function<void()>& on_send,
                                                   bool is_slow, InFlight::Entry& flight) {
  if (const std::string why = accounts_.disagreement(claim, schedule_matters_); !why.empty()) {
    co_return co_await discard(claim, why);
  }
  // A reload does not take it away from under us.
  const std::shared_ptr<Account> account = accounts_.find(claim.account);
  const std::string name = accounts_.name_at_api(claim.customer);
  const auto visit = std::make_shared<Visit>(Visit{.account = claim.account, .slow = is_slow});
  PollSink sink(pool_, claim, accounts_.configured()->classifier, observer_);
  WatchedSink watched(sink, flight);
  const std::shared_ptr<api::Client> client = account->client;
  const std::optional<int> recent_days = claim.full ? std::nullopt : std::optional(claim.recent_days);
  bool sent = false;
  const api::Admit admit = [&]() -> asio::awaitable<api::Permit> {
    flight.waits_for("its turn", turn_budget + account->settings.rate_limit.per);
    api::Permit permit = co_await accounts_.enter(visit);
    flight.waits_for("the list", answer_budget);
    if (!std::exchange(sent, true)) {
      on_send();
      if (claim.account_was_paused) account->standing->may_be_paused[static_cast<std::size_t>(CallKind::list)] = true;
    }
    co_return permit;
  };
  bool admitted = true;
  std::variant<api::ListRead, api::Fault> answer;
  flight.waits_for("the list", answer_budget);
  try {
    answer = co_await client->read_list(name, recent_days, watched, admit);
  } catch (const NotAdmitted&) {
    admitted = false;
  }
  flight.waits_for("the database", database_budget);
  if (!admitted) co_return co_await not_now(claim);
  if (const auto* fault = std::get_if<api::Fault>(&answer)) co_return co_await end_with_fault(claim, *account, *fault);
  account->standing->unanswered = 0;
  account->standing->troubles.answered(CallKind::list, claim.customer);

  const auto& read = std::get<api::ListRead>(answer);
  const db::ListFacts list{.entries = read.entries,
                           .without_email = read.without_email,
                           .too_long = read.too_long,
                           .bytes = read.bytes,
                           .unproven = read.unproven,
                           .by_time = read.by_time};
  flight.waits_for("the merge", database_budget + Seconds(static_cast<double>(list.bytes) / merged_bytes_per_second));
  const auto outcome = co_await sink.merge(list);
  if (const auto* why = std::get_if<db::NotMerged>(&outcome)) {
    co_return co_await discard(claim, *why == db::NotMerged::claim_lost
                                          ? "the claim was taken over by another daemon meanwhile"
                                          : "the customer's time zone was changed meanwhile");
  }
  // It is merged, whatever becomes of the pause: the next poll ends it.
  try {
    co_await resume_account(pool_, *account, observer_, CallKind::list, claim.asked_at);
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
  }
  const auto& merged = std::get<db::Merged>(outcome);
  observer_.on(PollEnded{claim, list, merged, std::chrono::steady_clock::now() - visit->began.value()});
  co_return PollResult{.end = End::merged, .message = merged.remark, .held = merged.held};
}

asio::awaitable<PollResult> Poller::end_with_fault(const db::Claim& claim, Account& account, const api::Fault& fault) {
  using Kind = api::Fault::Kind;
  const bool answered = fault.kind != Kind::unavailable && fault.kind != Kind::not_understood;
  account.standing->unanswered = answered ? 0 : account.standing->unanswered + 1;
  const auto now = std::chrono::steady_clock::now();
  const Decision decision = decide(account.standing->troubles.fault(fault, CallKind::list, claim.customer, false, now));
  if (decision.end == Decision::End::released) co_return co_await pause(claim, account, fault, decision.pause);
  const Seconds not_before = std::min<Seconds>(fault.retry_after.value_or(0s), longest_retry_after);
  co_return co_await fail(claim, api::name(fault.kind), fault.message, not_before);
}

asio::awaitable<PollResult> Poller::fail(const db::Claim& claim, const std::string& kind, const std::string& message,
                                         Seconds not_before) {
  const Seconds next_try = std::max(retry_of(claim).delay(claim.failures + 1), not_before);
  const auto failures = co_await pool_.run(
      [&](db::Session& session) { return db::fail_poll(session, claim, kind + ": " + message, next_try); });
  if (!failures) co_return co_await discard(claim, "the claim was taken over by another daemon meanwhile");
  observer_.on(PollFailed{claim, kind, message, *failures, next_try});
  co_return PollResult{.end = End::failed, .message = message};
}

asio::awaitable<PollResult> Poller::pause(const db::Claim& claim, Account& account, const api::Fault& fault,
                                          Decision::Pause who) {
  // Who waits for a turn would meet the same fault.
  accounts_.turn_back(claim.account, CallKind::list);
  if (who == Decision::Pause::account) accounts_.turn_back(claim.account, CallKind::deletion);
  const Seconds length = co_await pause_account(pool_, account, observer_, fault, who, CallKind::list, claim.asked_at);
  accounts_.turn_back(claim.account, CallKind::list, length);
  // After the pause, or it would be claimed again at once. It may be this customer's own trouble: others come first.
  const bool limited = fault.kind == api::Fault::Kind::rate_limited;
  const Seconds put_off = limited ? 0s : length + Seconds(1s);
  co_await pool_.run([&](db::Session& session) { db::release(session, claim, put_off); });
  co_return PollResult{.end = End::account_fault, .message = fault.message, .hopeless = !limited, .pause = length};
}

// A moment later, whatever the reason: it would be claimed again at once.
asio::awaitable<PollResult> Poller::not_now(const db::Claim& claim) {
  co_await pool_.run([&](db::Session& session) { db::release(session, claim, Seconds(1s)); });
  co_return PollResult{.end = End::account_fault, .message = "the account is paused", .pause = 1s};
}

asio::awaitable<PollResult> Poller::discard(const db::Claim& claim, const std::string& why) {
  co_await pool_.run([&](db::Session& session) { db::release(session, claim); });
  observer_.on(PollDiscarded{claim, why});
  co_return PollResult{.end = End::discarded, .message = why};
}

}  // namespace bounced::sync
