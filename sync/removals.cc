// SPDX-License-Identifier: Apache-2.0
#include "sync/removals.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

#include "sync/backoff.h"
#include "sync/pausing.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Kind = db::RequestEnd::Kind;

// A request that met a fault is tried again after 10 s at first, in the end every 15 minutes.
constexpr Backoff request_retry{10s, 15min};
constexpr auto tell_progress_every = 1min;

// Whether nobody knows what became of the call.
bool is_unsure(const api::Fault& fault) {
  using Fault = api::Fault;
  return fault.kind == Fault::Kind::unavailable || fault.kind == Fault::Kind::not_understood;
}

}  // namespace

asio::awaitable<Removals::Outcome> Removals::remove(const RequestLanes::Request& request, Account& account,
                                                    api::Addresses addresses, api::Admit admit) {
  const std::shared_ptr<api::Client> client = account.client;
  const bool many = addresses.all().size() > 1;
  const auto answer =
      co_await client->remove(accounts_.name_at_api(request.customer), std::move(addresses), std::move(admit));
  if (const auto* removal = std::get_if<api::Removal>(&answer)) {
    Outcome outcome{.end = {.claim = request.claim}};
    outcome.end.kind = removal->outcome == api::Removed::deleted ? Kind::deleted : Kind::not_listed;
    outcome.end.sent_twice = removal->sent_twice;
    co_await answered(request, account);
    co_return outcome;
  }
  const auto& fault = std::get<api::Fault>(answer);
  const auto now = std::chrono::steady_clock::now();
  const Decision decision =
      decide(account.standing->troubles.fault(fault, CallKind::deletion, request.customer, many, now));
  Outcome outcome{.end = end_of(request.claim, fault, decision.end)};
  outcome.paused = decision.pause != Decision::Pause::none;
  if (outcome.paused) co_await pause(request, account, fault, decision.pause);
  co_return outcome;
}

// The answer counts, whatever becomes of the pause: the next call ends it.
asio::awaitable<void> Removals::answered(const RequestLanes::Request& request, Account& account) {
  account.standing->troubles.answered(CallKind::deletion, request.customer);
  held_.erase(request.customer);
  try {
    co_await resume_account(pool_, account, observer_, CallKind::deletion, request.claim.claimed_at);
  } catch (const std::exception&) {
  }
}

db::RequestEnd Removals::end_of(const db::RequestClaim& claim, const api::Fault& fault, Decision::End decided) const {
  using End = Decision::End;
  db::RequestEnd end{.claim = claim, .kind = Kind::released};
  end.sent_twice = fault.sent_twice || (decided == End::released && is_unsure(fault));
  if (decided == End::released) return end;
  end.error = std::string(api::name(fault.kind)) + ": " + fault.message;
  end.kind = decided == End::failed ? Kind::failed : Kind::again;
  if (decided != End::again) return end;
  end.again_in = request_retry.delay(claim.attempts + 1);
  if (fault.retry_after) end.again_in = std::clamp<Seconds>(*fault.retry_after, end.again_in, request_retry.cap);
  // Only the API's own words fail a request for good.
  if (fault.origin == api::Fault::Origin::api && claim.attempts + 1 >= settings_.max_attempts) {
    end.kind = Kind::failed;
    end.error = "given up after " + std::to_string(settings_.max_attempts) + " attempts: " + end.error;
  }
  return end;
}

asio::awaitable<void> Removals::pause(const RequestLanes::Request& request, Account& account, const api::Fault& fault,
                                      Decision::Pause who) {
  if (who == Decision::Pause::customer) {
    hold(request.customer, fault, account);
    co_return;
  }
  // The unsent would meet the same fault. They are given back when nobody may claim them any more.
  struct Mark {
    explicit Mark(std::multiset<std::string>& in, const std::string& name) : marks(in), at(in.insert(name)) {}
    ~Mark() { marks.erase(at); }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    std::multiset<std::string>& marks;
    std::multiset<std::string>::iterator at;
  };
  const Mark mark(being_paused_, request.account);
  accounts_.turn_back(request.account, CallKind::deletion);
  if (who == Decision::Pause::account) accounts_.turn_back(request.account, CallKind::list);
  bool written = true;
  try {
    co_await pause_account(pool_, account, observer_, fault, who, CallKind::deletion, request.claim.claimed_at);
  } catch (const std::exception&) {
    written = false;
  }
  // Other calls meet the same fault; each customer waits by itself.
  if (!written) hold(request.customer, fault, account);
}

// Calls that are in flight at the same time meet the same fault once.
void Removals::hold(const std::string& customer, const api::Fault& fault, const Account& account) {
  Hold& hold = held_[customer];
  const auto now = std::chrono::steady_clock::now();
  if (hold.until > now) return;
  const Seconds length = pause_length(fault, account, ++hold.times);
  hold.until = now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(length);
  observer_.on(CustomerHeld{customer, api::name(fault.kind), fault.message, length});
}

Seconds Removals::held_for(const std::string& customer) const {
  const auto found = held_.find(customer);
  return found == held_.end() ? 0s : found->second.until - std::chrono::steady_clock::now();
}

// Only a row that was edited around the table's checks comes here. No call is made.
db::RequestEnd Removals::refused(const db::RequestClaim& claim, const std::string& why) {
  return {.claim = claim, .kind = Kind::failed, .error = "refused: the email " + why};
}

db::RequestEnd Removals::broken(const db::RequestClaim& claim, const std::string& why) {
  return {.claim = claim, .kind = Kind::again, .error = why, .again_in = request_retry.cap};
}

RequestLanes::Answer Removals::answer_of(const db::RequestEnd& end) {
  using Answer = RequestLanes::Answer;
  if (end.kind == Kind::released || end.kind == Kind::interrupted) return Answer::none;
  // Who has used up all attempts has met a fault too. A refused call of many has not: the API is well, and its
  // addresses are sent one by one at once.
  const bool fault = (end.kind == Kind::again || end.kind == Kind::failed) && end.again_in > 0s;
  return fault ? Answer::fault : Answer::well;
}

void RemovalProgress::count(Kind kind) {
  if (progress_.empty()) since_ = std::chrono::steady_clock::now();
  if (kind == Kind::deleted) ++progress_.deleted;
  if (kind == Kind::not_listed) ++progress_.not_listed;
  if (kind == Kind::failed) ++progress_.failed;
  if (kind == Kind::again) ++progress_.again;
}

bool RemovalProgress::is_due() const {
  return std::chrono::steady_clock::now() - since_ >= tell_progress_every;
}

void RemovalProgress::tell() {
  if (progress_.empty()) return;
  progress_.took = std::chrono::steady_clock::now() - since_;
  observer_.on(std::exchange(progress_, {}));
}

}  // namespace bounced::sync
