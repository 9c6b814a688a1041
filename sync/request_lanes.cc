// SPDX-License-Identifier: Apache-2.0
#include "sync/request_lanes.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace bounced::sync {
namespace {

// Requests claimed ahead, for each call that may be in flight: so many that a claim and its commit seldom hold up the
// calls, and so few that a daemon that dies leaves little behind.
constexpr int ahead = 8;
// Of calls that take many requests.
constexpr int batches_ahead = 2;
constexpr int weight_of_one = 100;

// Customers without an answer that are the account's trouble: one or two are their own.
constexpr std::size_t unwell_is_trouble = 3;

// Whether it has never been sent.
bool is_new(const db::RequestClaim& claim) {
  return claim.attempts == 0 && !claim.may_be_done;
}

}  // namespace

bool RequestLanes::OfAccount::trouble() const {
  return unwell.size() >= unwell_is_trouble;
}

int RequestLanes::Lane::weight() const {
  return per_call == 1 ? weight_of_one : std::max(1, weight_of_one * ahead / batches_ahead / per_call);
}

RequestLanes::RequestLanes(std::function<int()> concurrency,
                           std::function<Limits(const std::string& account)> limits_of)
    : concurrency_(std::move(concurrency)), limits_of_(std::move(limits_of)) {}

void RequestLanes::found(const std::vector<db::WaitingCustomer>& customers) {
  for (const db::WaitingCustomer& customer : customers) {
    Lane& lane = lanes_[customer.customer_id];
    if (lane.in_hand == 0) {
      lane.customer = customer.customer;
      lane.account = customer.account;
      lane.per_call = limits_of_(lane.account).per_call;
    }
    lane.limited = customer.limited;
    lane.after = {};
    lane.exhausted = false;
  }
}

// How many more a lane may claim: its share, but what is in trouble or cannot be written claims no more than it can
// use.
int RequestLanes::places_of(const Lane& lane, int share) const {
  if (lane.exhausted || lane.held) return 0;
  const auto account = accounts_.find(lane.account);
  const bool trouble = lane.trouble || (account != accounts_.end() && account->second.trouble());
  const int most = 2 * ahead * concurrency_() * weight_of_one / lane.weight();
  return std::clamp((trouble ? 1 : most) - lane.in_hand, 0, share);
}

std::vector<db::Lane> RequestLanes::to_claim() {
  const int concurrency = concurrency_();
  const int wanted = ahead * concurrency * weight_of_one;
  // Half a store is enough for those who have some. Who has nothing gets something at once, within reason.
  const bool low = unsent_ <= wanted / 2;
  const int room = low ? wanted - unsent_ : std::min(concurrency * weight_of_one, 2 * wanted - unsent_);
  const auto most = static_cast<std::size_t>(std::max(0, room / weight_of_one));
  std::vector<db::Lane> claims;
  const auto first = lanes_.upper_bound(last_claimed_);
  const auto consider = [&](auto from, auto to) {
    for (auto entry = from; entry != to && claims.size() < most; ++entry) {
      const auto& [customer_id, lane] = *entry;
      if ((!low && lane.in_hand > 0) || places_of(lane, 1) == 0) continue;
      claims.push_back({.customer_id = customer_id,
                        .account = lane.account,
                        .after = lane.after,
                        .places = 1,
                        .limited = lane.limited});
    }
  };
  consider(first, lanes_.end());
  consider(lanes_.begin(), first);
  if (claims.empty()) return claims;
  last_claimed_ = claims.back().customer_id;
  if (low) {
    const int share = room / static_cast<int>(claims.size());
    for (db::Lane& claim : claims) {
      const Lane& lane = lanes_.at(claim.customer_id);
      claim.places = places_of(lane, std::max(1, share / lane.weight()));
    }
  }
  for (const db::Lane& claim : claims) lanes_.at(claim.customer_id).asked = true;
  return claims;
}

void RequestLanes::claimed(const std::vector<db::Lane>& asked, const std::vector<db::RequestClaim>& claims) {
  for (const db::RequestClaim& claim : claims) {
    Lane& lane = lanes_.at(claim.customer_id);
    lane.unsent.push_back(claim);
    ++lane.in_hand;
    if (!lane.held) unsent_ += lane.weight();
    in_hand_.insert(claim.number);
  }
  for (const db::Lane& one : asked) {
    Lane& lane = lanes_.at(one.customer_id);
    lane.asked = false;
    const auto is_of_it = [&](const db::RequestClaim& claim) { return claim.customer_id == one.customer_id; };
    const auto got = std::count_if(claims.begin(), claims.end(), is_of_it);
    lane.exhausted = got < one.places;
    if (got == 0) {
      drop_if_done(one.customer_id);
      continue;
    }
    std::sort(lane.unsent.end() - got, lane.unsent.end(), [](const auto& a, const auto& b) {
      return std::tie(a.position.next_attempt_at, a.request_id) < std::tie(b.position.next_attempt_at, b.request_id);
    });
    lane.after = lane.unsent.back().position;
    if (std::find(turns_.begin(), turns_.end(), one.customer_id) == turns_.end()) turns_.push_back(one.customer_id);
  }
}

bool RequestLanes::may_send(const Lane& lane) {
  if (lane.held) return false;
  const Calls& of_account = account(lane.account).calls;
  const bool trouble = account(lane.account).trouble();
  const Limits limits = limits_of_(lane.account);
  return of_account.in_flight < (trouble ? std::min(1, limits.in_flight) : limits.in_flight) &&
         (limits.waiting == 0 || of_account.waiting < limits.waiting) && !(lane.trouble && lane.calls.in_flight > 0);
}

std::optional<RequestLanes::Request> RequestLanes::next() {
  if (in_flight_ >= concurrency_()) return std::nullopt;
  const auto turn =
      std::find_if(turns_.begin(), turns_.end(), [&](int customer) { return may_send(lanes_.at(customer)); });
  if (turn == turns_.end()) return std::nullopt;
  const int customer_id = *turn;
  Lane& lane = lanes_.at(customer_id);
  Request request{std::move(lane.unsent.front()), lane.customer, lane.account, limits_of_(lane.account).waiting > 0};
  lane.unsent.pop_front();
  turns_.erase(turn);
  if (!lane.unsent.empty()) turns_.push_back(customer_id);
  unsent_ -= lane.weight();
  ++lane.calls.in_flight;
  ++account(lane.account).calls.in_flight;
  ++(request.waits ? account(lane.account).calls.waiting : in_flight_);
  return request;
}

// What it has claimed is not to be sent soon: others may claim in its place.
void RequestLanes::hold(int customer_id, bool held) {
  const auto found = lanes_.find(customer_id);
  if (found == lanes_.end() || found->second.held == held) return;
  Lane& lane = found->second;
  const int weight = static_cast<int>(lane.unsent.size()) * lane.weight();
  unsent_ += held ? -weight : weight;
  lane.held = held;
}

std::vector<RequestLanes::Request> RequestLanes::sent(Request& request, int per_call) {
  if (std::exchange(request.waits, false)) {
    --account(request.account).calls.waiting;
    ++in_flight_;
  }
  Lane& lane = lanes_.at(request.claim.customer_id);
  std::vector<Request> along;
  if (!is_new(request.claim) || lane.trouble || account(lane.account).trouble()) return along;
  const auto most = static_cast<std::size_t>(per_call - 1);
  for (auto claim = lane.unsent.begin(); claim != lane.unsent.end() && along.size() < most;) {
    if (!is_new(*claim)) {
      ++claim;
      continue;
    }
    along.push_back({std::move(*claim), lane.customer, lane.account});
    claim = lane.unsent.erase(claim);
    if (!lane.held) unsent_ -= lane.weight();
  }
  if (lane.unsent.empty()) turns_.remove(request.claim.customer_id);
  return along;
}

void RequestLanes::answered(const Request& request, Answer answer) {
  Lane& lane = lanes_.at(request.claim.customer_id);
  --(request.waits ? account(request.account).calls.waiting : in_flight_);
  --lane.calls.in_flight;
  OfAccount& of_account = account(request.account);
  --of_account.calls.in_flight;
  if (answer == Answer::none) return;
  lane.trouble = answer == Answer::fault;
  if (lane.trouble) {
    of_account.unwell.insert(request.claim.customer_id);
  } else {
    of_account.unwell.clear();
  }
}

void RequestLanes::let_go(const Request& request) {
  in_hand_.erase(in_hand_.find(request.claim.number));
  --lanes_.at(request.claim.customer_id).in_hand;
  drop_if_done(request.claim.customer_id);
}

std::vector<RequestLanes::Request> RequestLanes::take_unsent(const std::optional<std::string>& account_name) {
  std::vector<Request> taken;
  for (auto& [customer_id, lane] : lanes_) {
    if (account_name && lane.account != *account_name) continue;
    lane.exhausted = true;
    for (db::RequestClaim& claim : lane.unsent) taken.push_back({std::move(claim), lane.customer, lane.account});
    if (!lane.held) unsent_ -= static_cast<int>(lane.unsent.size()) * lane.weight();
    lane.unsent.clear();
  }
  std::erase_if(turns_, [&](int customer) { return lanes_.at(customer).unsent.empty(); });
  // Lanes with nothing in hand would never be dropped otherwise.
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.is_done(); });
  return taken;
}

void RequestLanes::drop_if_done(int customer_id) {
  const auto found = lanes_.find(customer_id);
  if (found != lanes_.end() && found->second.is_done()) lanes_.erase(found);
}

}  // namespace bounced::sync
