// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "db/requests.h"

namespace bounced::sync {

// The deletion requests that this daemon has in hand, in a lane for each customer: for whom to claim more, and which
// one to send next. Customers take turns, so that one with a million requests holds up nobody else's. A customer
// whose last call met a fault that may pass gets one call at a time until one goes well, and so does an account with
// several such customers and nobody else: calls that hang hold up few others, and an outage uses up the attempts of few
// requests. Where a call takes many requests, those of a
// customer that are there when it is sent go together.
class RequestLanes {
 public:
  // What an account allows.
  struct Limits {
    int in_flight = 0;  // calls at once
    int waiting = 0;    // of these, calls that wait for their turn under a rate limit; 0: there is none
    int per_call = 1;   // requests that one call takes
  };
  // `concurrency`: calls in flight in all, without those that wait for their turn.
  RequestLanes(std::function<int()> concurrency, std::function<Limits(const std::string& account)> limits_of);

  // These customers have requests that are due: their lanes begin at the head again.
  void found(const std::vector<db::WaitingCustomer>& customers);

  // For which customers to claim how many now. claimed() must follow.
  [[nodiscard]] std::vector<db::Lane> to_claim();
  // What came of that, and was committed; nothing, where it failed.
  void claimed(const std::vector<db::Lane>& asked, const std::vector<db::RequestClaim>& claims);

  struct Request {
    db::RequestClaim claim;
    std::string customer;
    std::string account;
    bool waits = false;  // for its turn under a rate limit
  };
  // The next one to send, which counts as in flight from now on.
  std::optional<Request> next();
  // It waits no longer. Gives others of its customer that go with it in the same call, which takes so many in all: only
  // such as have not been sent before, so that what was unsure about a call of many is found out one by one.
  std::vector<Request> sent(Request& request, int per_call);

  enum class Answer { well, fault, none };
  // Its call is over. It stays in hand until its end is written.
  void answered(const Request& request, Answer answer);
  // It is nobody's, or another's, now.
  void let_go(const Request& request);

  // While ends of the customer cannot be written, nothing is claimed or sent for it.
  void hold(int customer_id, bool held);

  // Takes out what was not sent yet, of one account or of all, and claims no more for it until it is found again.
  std::vector<Request> take_unsent(const std::optional<std::string>& account = std::nullopt);

  // Nothing in hand, and nothing more to claim.
  [[nodiscard]] bool idle() const { return lanes_.empty(); }
  // The numbers of the claims. (A request may be in hand twice: we were taken for dead, and have it again.)
  [[nodiscard]] std::vector<std::int64_t> in_hand() const { return {in_hand_.begin(), in_hand_.end()}; }

 private:
  struct Calls {
    int in_flight = 0;  // those that wait too
    int waiting = 0;
  };
  struct OfAccount {
    Calls calls;
    std::set<int> unwell;  // customers whose last call met a fault, since a call of the account went well
    [[nodiscard]] bool trouble() const;
  };
  struct Lane {
    std::string customer;
    std::string account;
    bool limited = false;
    int per_call = 1;
    db::QueuePosition after;
    bool exhausted = false;  // nothing more is due, as far as we know
    bool asked = false;      // a claim for it is under way
    bool held = false;       // its ends cannot be written
    std::deque<db::RequestClaim> unsent;
    Calls calls;
    bool trouble = false;
    int in_hand = 0;  // unsent, in flight, or ended but not written

    // What a request takes of what may be claimed ahead.
    [[nodiscard]] int weight() const;
    [[nodiscard]] bool is_done() const { return exhausted && in_hand == 0 && !asked; }
  };

  [[nodiscard]] int places_of(const Lane& lane, int share) const;
  [[nodiscard]] bool may_send(const Lane& lane);
  OfAccount& account(const std::string& name) { return accounts_[name]; }
  void drop_if_done(int customer_id);

  std::function<int()> concurrency_;
  std::function<Limits(const std::string&)> limits_of_;
  std::map<int, Lane> lanes_;  // by customer
  std::unordered_map<std::string, OfAccount> accounts_;
  std::list<int> turns_;                           // customers with unsent requests, the next one first
  int last_claimed_ = 0;                           // customer: claims take turns too
  int in_flight_ = 0;                              // without those that wait
  int unsent_ = 0;                                 // the weight of what was claimed and not sent, without held lanes
  std::unordered_multiset<std::int64_t> in_hand_;  // a failover may give out a number twice
};

}  // namespace bounced::sync
