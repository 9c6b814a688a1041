// SPDX-License-Identifier: Apache-2.0
#include "sync/poller.h"

#include <algorithm>
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

// A customer that fails is tried again after 15 s at first, in the end every 15 minutes, or at its own interval where
// that is longer.
Backoff retry_of(const db::Claim& claim) {
  return {15s, std::max<Seconds>(15min, claim.every)};
}

}  // namespace

asio::awaitable<PollResult> Poller::poll(db::Claim claim, std::function<void()> on_send) {
  // A cancelled poll still gives its claim back.
  co_await asio::this_coro::throw_if_cancelled(false);
  claim.full = claim.full || accounts_.needs_full(claim);
  PollResult result{.end = End::stopped, .message = {}};
  std::string broken;
  try {
    result = co_await read_and_merge(claim, on_send);
  } catch (const std::exception& error) {
    if (dynamic_cast<const db::Conflict*>(&error) != nullptr) {
      // A merge that runs into its time limit would do so again at once: it has to be seen, and to wait.
      broken = error.what();
    } else if (db::is_database_fault(error)) {
      result = {.end = End::database_lost, .message = error.what()};
    } else if (!was_cancelled(error)) {
      broken = error.what();
    }
  }
  try {
    if (!broken.empty()) {
      result = co_await fail(claim, "internal", broken);
    } else if (result.end == End::stopped) {
      co_await pool_.run([&](db::Session& session) { db::release(session, claim); });
    }
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    result = {.end = End::database_lost, .message = error.what()};
  }
  co_return result;
}

asio::awaitable<PollResult> Poller::read_and_merge(const db::Claim& claim, const std::function<void()>& on_send) {
  if (const std::string why = accounts_.disagreement(claim, schedule_matters_); !why.empty()) {
    co_return co_await discard(claim, why);
  }
  // A reload does not take it away from under us.
  const std::shared_ptr<Account> account = accounts_.find(claim.account);
  const std::string name = accounts_.name_at_api(claim.customer);
  const bool may_call = co_await accounts_.may_call(*account, CallTurns::Use::poll);
  if (!may_call) co_return co_await not_now(claim);
  on_send();
  account->may_be_paused = account->may_be_paused || claim.account_was_paused;
  const auto began = std::chrono::steady_clock::now();
  PollSink sink(pool_, claim, observer_);
  const std::shared_ptr<api::Client> client = account->client;
  const std::optional<int> recent_days = claim.full ? std::nullopt : std::optional(claim.recent_days);
  const api::NextTurn next_turn = [this, account]() -> asio::awaitable<void> {
    const bool may_go_on = co_await accounts_.may_call(*account, CallTurns::Use::poll);
    if (!may_go_on) throw NoTurn();
  };
  bool has_turns = true;
  std::variant<api::ListRead, api::Fault> answer;
  try {
    answer = co_await client->read_list(name, recent_days, sink, next_turn);
  } catch (const NoTurn&) {
    has_turns = false;
  }
  if (!has_turns) co_return co_await not_now(claim);
  if (const auto* fault = std::get_if<api::Fault>(&answer)) co_return co_await end_with_fault(claim, *account, *fault);
  account->unanswered = 0;

  const auto& read = std::get<api::ListRead>(answer);
  const db::ListFacts list{.entries = read.entries,
                           .without_email = read.without_email,
                           .too_long = read.too_long,
                           .bytes = read.bytes,
                           .unproven = read.unproven};
  const auto outcome = co_await sink.merge(list);
  if (const auto* why = std::get_if<db::NotMerged>(&outcome)) {
    co_return co_await discard(claim, *why == db::NotMerged::claim_lost
                                          ? "the claim was taken over by another daemon meanwhile"
                                          : "the customer's time zone was changed meanwhile");
  }
  co_await resume_account(pool_, *account, observer_, claim.asked_at);
  const auto& merged = std::get<db::Merged>(outcome);
  observer_.on(PollEnded{claim, list, merged, std::chrono::steady_clock::now() - began});
  co_return PollResult{.end = End::merged, .message = merged.remark, .held = merged.held};
}

asio::awaitable<PollResult> Poller::end_with_fault(const db::Claim& claim, Account& account, const api::Fault& fault) {
  using Kind = api::Fault::Kind;
  const bool answered = fault.kind != Kind::unavailable && fault.kind != Kind::not_understood;
  account.unanswered = answered ? 0 : account.unanswered + 1;
  if (is_of_account(fault)) co_return co_await pause(claim, account, fault);
  co_return co_await fail(claim, api::name(fault.kind), fault.message);
}

asio::awaitable<PollResult> Poller::fail(const db::Claim& claim, const std::string& kind, const std::string& message) {
  const Seconds next_try = retry_of(claim).delay(claim.failures + 1);
  const auto failures = co_await pool_.run(
      [&](db::Session& session) { return db::fail_poll(session, claim, kind + ": " + message, next_try); });
  if (!failures) co_return co_await discard(claim, "the claim was taken over by another daemon meanwhile");
  observer_.on(PollFailed{claim, kind, message, *failures, next_try});
  co_return PollResult{.end = End::failed, .message = message};
}

asio::awaitable<PollResult> Poller::pause(const db::Claim& claim, Account& account, const api::Fault& fault) {
  const Seconds length = co_await pause_account(pool_, account, observer_, fault, claim.asked_at);
  // After the pause, or it would be claimed again at once.
  co_await pool_.run([&](db::Session& session) { db::release(session, claim); });
  co_return PollResult{.end = End::account_fault,
                       .message = fault.message,
                       .credentials = fault.kind == api::Fault::Kind::credentials,
                       .pause = length};
}

asio::awaitable<PollResult> Poller::not_now(const db::Claim& claim) {
  co_await pool_.run([&](db::Session& session) { db::release(session, claim); });
  co_return PollResult{.end = End::account_fault, .message = "the account is paused", .pause = 1s};
}

asio::awaitable<PollResult> Poller::discard(const db::Claim& claim, const std::string& why) {
  co_await pool_.run([&](db::Session& session) { db::release(session, claim); });
  observer_.on(PollDiscarded{claim, why});
  co_return PollResult{.end = End::discarded, .message = why};
}

}  // namespace bounced::sync
