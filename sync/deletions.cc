// SPDX-License-Identifier: Apache-2.0
#include "sync/deletions.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>
#include <variant>

#include "db/errors.h"
#include "sync/backoff.h"
#include "sync/cancelled.h"
#include "sync/pausing.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Kind = db::RequestEnd::Kind;

// A word about new requests may get lost: a look this often is the safety net. It also finds the requests of daemons
// that died.
constexpr Seconds look_at_least_every = 5s;
// A look costs more, the more customers wait and the more was claimed since the oldest transaction began. However often
// there is something new, dear looks take at most a twentieth of the time.
constexpr int look_share = 20;
constexpr auto dear_look = 10ms;
// A request that met a fault is tried again after 10 s at first, in the end every 15 minutes.
constexpr Backoff request_retry{10s, 15min};
constexpr auto tell_progress_every = 1min;
// Calls in flight mostly end within a second. What is broken off is sent again by the next daemon.
constexpr auto last_calls = 5s;

}  // namespace

Deletions::Deletions(const asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
                     std::int64_t daemon, const config::Deletions& settings)
    : executor_(executor),
      pool_(pool),
      accounts_(accounts),
      observer_(observer),
      daemon_(daemon),
      settings_(settings),
      lanes_([this] { return settings_.concurrency; },
             [this](const std::string& account) { return limits_of(account); }),
      ends_(
          executor, pool, [this](EndedRequest ended, bool claim_lost) { written(std::move(ended), claim_lost); },
          [this] { wakeup_.wake(); }),
      wakeup_(executor) {}

asio::awaitable<void> Deletions::run() {
  co_await work();
}

asio::awaitable<void> Deletions::drain(std::set<std::string> customers) {
  only_ = std::move(customers);
  draining_ = true;
  co_await work();
  if (!database_lost_.empty()) throw db::Unavailable(database_lost_);
}

void Deletions::stop() {
  stopping_ = true;
  wakeup_.wake();
}

void Deletions::wake() {
  told_ = true;
  wakeup_.wake();
}

void Deletions::reconfigured() {
  give_back(lanes_.take_unsent());
  wake();
}

RequestLanes::Limits Deletions::limits_of(const std::string& name) const {
  const auto account = accounts_.find(name);
  if (!account || being_paused_.contains(name)) return {};
  return {.in_flight = account->share,
          .waiting = account->turns ? account->turns->within_reach() : 0,
          .per_call = per_call(*account)};
}

// What a call of many leaves unsure takes another attempt.
int Deletions::per_call(const Account& account) const {
  return settings_.max_attempts > 1 ? static_cast<int>(account.client->most_removed()) : 1;
}

asio::awaitable<void> Deletions::work() {
  // Cancelling it is a word to stop, like stop(): it winds up.
  co_await asio::this_coro::throw_if_cancelled(false);
  std::exception_ptr broken;
  try {
    while (!stopping_) {
      const Seconds sleep = co_await step();
      check();
      // Before it is over, a look for what was passed over.
      if (lanes_.idle() && std::exchange(claimed_some_, false)) wake();
      if (lanes_.idle() || Clock::now() - progress_since_ >= tell_progress_every) tell_progress();
      const bool drained = lanes_.idle() && !told_;
      if (draining_ && (drained || !database_lost_.empty())) break;
      if (!stopping_) co_await wakeup_.wait(sleep);
    }
  } catch (...) {
    broken = std::current_exception();
  }
  co_await wind_up();
  tell_progress();
  if (broken) std::rethrow_exception(broken);
  check();
}

void Deletions::check() const {
  if (broken_) std::rethrow_exception(broken_);
  ends_.check();
}

// One round, and for how long to sleep after it.
asio::awaitable<Seconds> Deletions::step() {
  try {
    const Seconds sleep = co_await look_and_claim();
    if (std::exchange(losses_, 0) > 0) ends_.hurry();
    co_return sleep;
  } catch (const std::exception& error) {
    if (!db::is_database_fault(error)) throw;
    if (draining_) database_lost_ = error.what();
  }
  // What was claimed in a transaction whose answer was lost is found by a look.
  look_at_ = {};
  co_return database_retry.delay(++losses_);
}

asio::awaitable<Seconds> Deletions::look_and_claim() {
  const auto began = Clock::now();
  const bool looking = began >= look_at_ || (told_ && began >= may_look_at_);
  // Where others may have taken us for dead, what we claim may be theirs soon.
  if (!accounts_.stands()) co_return 1s;
  if (looking) co_await look();
  const std::vector<db::Lane> wanted = lanes_.to_claim();
  if (!wanted.empty()) {
    const int pauses = pauses_;
    std::vector<db::RequestClaim> claims;
    try {
      claims = co_await pool_.run([&](db::Session& session) { return db::claim_requests(session, daemon_, wanted); });
    } catch (...) {
      lanes_.claimed(wanted, {});
      throw;
    }
    lanes_.claimed(wanted, claims);
    claimed_some_ = claimed_some_ || !claims.empty();
    // They may be of an account that was paused after they were claimed.
    if (pauses != pauses_) give_back(lanes_.take_unsent());
    start_calls();
  }
  const auto now = Clock::now();
  if (!wanted.empty()) co_return 0s;  // there may be more
  const auto until = told_ ? std::min(may_look_at_, look_at_) : look_at_;
  co_return std::max<Seconds>(until - now, 0s);
}

// Finds out which customers have requests that are due.
asio::awaitable<void> Deletions::look() {
  const auto began = Clock::now();
  const bool thorough = began >= look_at_;
  told_ = false;
  const std::vector<std::int64_t> in_hand = lanes_.in_hand();
  auto customers = co_await pool_.run([&](db::Session& session) {
    if (thorough) db::recover_requests(session, daemon_, in_hand);
    return db::waiting_customers(session);
  });
  const auto now = Clock::now();
  const auto took = now - began;
  may_look_at_ = took < dear_look ? now : now + look_share * took;
  std::erase_if(customers, [this](const auto& customer) { return !is_ours(customer); });
  Seconds sleep = look_at_least_every;
  for (const db::WaitingCustomer& customer : customers) {
    if (customer.due_in > 0s) sleep = std::min<Seconds>(sleep, customer.due_in);
  }
  std::erase_if(customers, [](const auto& customer) { return customer.due_in > 0s; });
  lanes_.found(customers);
  look_at_ = now + std::chrono::duration_cast<Clock::duration>(sleep);
}

// A daemon serves the customers of its own configuration.
bool Deletions::is_ours(const db::WaitingCustomer& customer) const {
  if (!only_.empty() && !only_.contains(customer.customer)) return false;
  return accounts_.has(customer.customer, customer.account);
}

// Gives back what was not sent, and waits for calls and for the writer.
asio::awaitable<void> Deletions::wind_up() {
  stopping_ = true;
  give_back(lanes_.take_unsent());
  accounts_.turn_back();
  const auto deadline = Clock::now() + last_calls;
  while (!calls_.empty() && Clock::now() < deadline) co_await wakeup_.wait(deadline - Clock::now());
  for (auto& signal : calls_) signal.emit(asio::cancellation_type::terminal);
  ends_.stop(Clock::now() + last_calls);
  while (!calls_.empty() || ends_.busy()) co_await wakeup_.wait(1min);  // each end wakes us
}

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
    asio::co_spawn(executor_, call(*std::move(request)), asio::bind_cancellation_slot(signal->slot(), on_end));
  }
}

asio::awaitable<void> Deletions::call(RequestLanes::Request request) {
  // A call that is broken off still has an end to be written.
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto began = Clock::now();
  bool sent = false;
  std::vector<RequestLanes::Request> along;  // in the same call, with the same end
  db::RequestEnd ended{.claim = request.claim, .kind = Kind::released};
  try {
    ended = co_await carry_out(request, along, sent);
  } catch (const std::exception& error) {
    // A crash barrier: what goes wrong with one request stays there.
    if (!was_cancelled(error)) {
      ended = {.claim = request.claim, .kind = Kind::again, .error = error.what(), .again_in = request_retry.cap};
    } else if (sent) {
      ended.kind = Kind::interrupted;
    }
  }
  if (ended.kind == Kind::again && ended.claim.attempts + 1 >= settings_.max_attempts) {
    ended.kind = Kind::failed;
    ended.error = "given up after " + std::to_string(settings_.max_attempts) + " attempts: " + ended.error;
  }
  using Answer = RequestLanes::Answer;
  const bool told = ended.kind != Kind::released && ended.kind != Kind::interrupted;
  // Who has used up all attempts has met a fault too.
  const bool fault = ended.kind == Kind::again || (ended.kind == Kind::failed && ended.again_in > 0s);
  lanes_.answered(request, !told ? Answer::none : fault ? Answer::fault : Answer::well);
  for (RequestLanes::Request& other : along) {
    db::RequestEnd same = ended;
    same.claim = other.claim;
    ends_.put({.end = std::move(same), .request = std::move(other), .took = Clock::now() - began});
  }
  ends_.put({.end = std::move(ended), .request = std::move(request), .took = Clock::now() - began});
  start_calls();
}

asio::awaitable<db::RequestEnd> Deletions::carry_out(RequestLanes::Request& request,
                                                     std::vector<RequestLanes::Request>& along, bool& sent) {
  auto address = api::Address::parse(request.claim.email);
  if (const auto* why = std::get_if<std::string>(&address)) co_return refused(request, *why);
  // A reload does not take it away from under us.
  const std::shared_ptr<Account> account = accounts_.find(request.account);
  bool may_call = false;
  if (account) may_call = co_await accounts_.may_call(*account, CallTurns::Use::deletion);
  // It may have been reconfigured meanwhile.
  if (!may_call || !accounts_.has(request.customer, request.account)) {
    give_back(lanes_.take_unsent(request.account));  // they would come to the same end
    co_return db::RequestEnd{.claim = request.claim, .kind = Kind::released};
  }
  sent = true;
  api::Addresses addresses(std::get<api::Address>(std::move(address)));
  for (RequestLanes::Request& other : lanes_.sent(request, per_call(*account))) {
    auto another = api::Address::parse(other.claim.email);
    if (const auto* why = std::get_if<std::string>(&another)) {
      db::RequestEnd ended = refused(other, *why);
      ends_.put({.end = std::move(ended), .request = std::move(other)});
    } else {
      addresses.add(std::get<api::Address>(std::move(another)));
      along.push_back(std::move(other));
    }
  }
  start_calls();
  co_return co_await remove(request, *account, std::move(addresses));
}

// Only a row that was edited around the table's checks comes here. No call is made.
db::RequestEnd Deletions::refused(const RequestLanes::Request& request, const std::string& why) {
  return {.claim = request.claim, .kind = Kind::failed, .error = "refused: the email " + why};
}

asio::awaitable<db::RequestEnd> Deletions::remove(const RequestLanes::Request& request, Account& account,
                                                  api::Addresses addresses) {
  const std::shared_ptr<api::Client> client = account.client;
  const bool many = addresses.all().size() > 1;
  const auto answer = co_await client->remove(accounts_.name_at_api(request.customer), std::move(addresses));
  if (const auto* fault = std::get_if<api::Fault>(&answer)) {
    auto ended = co_await end_with_fault(request, account, *fault);
    // It may be one of them that is refused: they are sent again, one by one, and at once.
    if (many && fault->kind == api::Fault::Kind::refused) ended.kind = Kind::again;
    co_return ended;
  }

  const auto& removal = std::get<api::Removal>(answer);
  db::RequestEnd ended{.claim = request.claim};
  ended.kind = removal.outcome == api::Removed::deleted ? Kind::deleted : Kind::not_listed;
  ended.sent_twice = removal.sent_twice;
  try {
    co_await resume_account(pool_, account, observer_, request.claim.claimed_at);
  } catch (const std::exception& error) {
    // The answer counts, whatever becomes of the pause: the next call ends it.
    if (!db::is_database_fault(error)) throw;
  }
  co_return ended;
}

asio::awaitable<db::RequestEnd> Deletions::end_with_fault(const RequestLanes::Request& request, Account& account,
                                                          const api::Fault& fault) {
  using Fault = api::Fault::Kind;
  db::RequestEnd ended{.claim = request.claim, .kind = Kind::released, .error = {}};
  if (!is_of_account(fault)) {
    ended.error = std::string(api::name(fault.kind)) + ": " + fault.message;
    const bool may_pass = fault.kind == Fault::unavailable || fault.kind == Fault::not_understood;
    ended.kind = may_pass ? Kind::again : Kind::failed;
    if (may_pass) ended.again_in = request_retry.delay(request.claim.attempts + 1);
    if (may_pass && fault.retry_after) {
      ended.again_in = std::clamp<Seconds>(*fault.retry_after, ended.again_in, request_retry.cap);
    }
    co_return ended;
  }
  // The unsent would meet the same fault. They are given back when nobody may claim them any more.
  const auto being_paused = being_paused_.insert(request.account);
  try {
    co_await pause_account(pool_, account, observer_, fault, request.claim.claimed_at);
  } catch (const std::exception& error) {
    // Another call meets the same fault when the database is back.
    if (!db::is_database_fault(error)) throw;
  }
  being_paused_.erase(being_paused);
  ++pauses_;
  give_back(lanes_.take_unsent(request.account));
  co_return ended;
}

// Makes requests pending again that were not sent.
void Deletions::give_back(std::vector<RequestLanes::Request> unsent) {
  for (RequestLanes::Request& request : unsent) {
    db::RequestEnd released{.claim = request.claim, .kind = Kind::released};
    ends_.put({.end = std::move(released), .request = std::move(request)});
  }
}

void Deletions::written(EndedRequest ended, bool claim_lost) {
  const Kind kind = ended.end.kind;
  lanes_.let_go(ended.request);
  if (kind == Kind::released && !claim_lost) return;  // nothing happened to it
  if (!claim_lost) count(kind);
  observer_.on(RequestEnded{.customer = std::move(ended.request.customer),
                            .account = std::move(ended.request.account),
                            .end = std::move(ended.end),
                            .claim_lost = claim_lost,
                            .took = ended.took});
}

void Deletions::count(Kind kind) {
  if (progress_.empty()) progress_since_ = Clock::now();
  if (kind == Kind::deleted) ++progress_.deleted;
  if (kind == Kind::not_listed) ++progress_.not_listed;
  if (kind == Kind::failed) ++progress_.failed;
  if (kind == Kind::again) ++progress_.again;
}

void Deletions::tell_progress() {
  if (progress_.empty()) return;
  progress_.took = Clock::now() - progress_since_;
  observer_.on(std::exchange(progress_, {}));
}

}  // namespace bounced::sync
