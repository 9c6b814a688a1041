// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bounced::db {

class Session;

// The queue of deletion requests: open ones in bounced.deletion_queue, finished ones in bounced.deletion_history.
// People see both as bounced.deletion_requests.

// A customer with requests that are pending.
struct WaitingCustomer {
  int customer_id = 0;
  std::string customer;
  std::string account;
  std::chrono::duration<double> due_in{};  // until its first request is due, or may be sent; not above 0: now
  bool limited = false;                    // by a daily limit of its account
};

// Every active customer that has pending requests, in the order of their numbers. Its cost grows with the number of
// such customers, not of their requests; requests that were claimed while an old transaction is open cost a little.
std::vector<WaitingCustomer> waiting_customers(Session& session);

// A place in the order in which a customer's requests are due.
struct QueuePosition {
  std::string next_attempt_at = "-infinity";  // in PostgreSQL's own text form
  std::int64_t request_id = 0;
};

// Of which customer to claim requests, after which place, and how many at most. A claim that begins at the head would
// walk over the remains of all requests that were claimed since the oldest transaction began; what is committed later
// at an earlier place is found by those who begin at the head now and then.
struct Lane {
  int customer_id = 0;
  std::string account = {};  // that it was found in: if it has another now, nothing is claimed
  QueuePosition after;
  int places = 0;
  bool limited = false;  // as waiting_customers() said
};

// The right to send a request, and what to know for it.
struct RequestClaim {
  std::int64_t request_id = 0;
  int customer_id = 0;
  std::string email;  // as it stands there: rows may have been edited by hand
  int attempts = 0;   // that failed before
  // An earlier call may have been carried out at the API, unknown to us.
  bool may_be_done = false;
  std::int64_t daemon = 0;
  std::int64_t number = 0;  // of the claim
  std::string claimed_at;   // by the database's clock, in PostgreSQL's text form
  QueuePosition position;
};

// Claims pending requests that are due, of accounts that are neither paused nor at their daily limit.
std::vector<RequestClaim> claim_requests(Session& session, std::int64_t daemon, const std::vector<Lane>& lanes);

// What became of a claimed request.
struct RequestEnd {
  enum class Kind {
    deleted,      // done: the API took the address off the list
    not_listed,   // done: the address was not on the list
    failed,       // for good
    again,        // pending again, after a fault that may pass
    released,     // pending again: no call was made, or it certainly was not carried out
    interrupted,  // pending again: a call was broken off, nobody knows how far it came
  };
  RequestClaim claim;
  Kind kind = Kind::released;
  std::string error = {};                       // of failed and again
  std::chrono::duration<double> again_in = {};  // of again
  bool sent_twice = false;                      // within this claim: an earlier call's answer never came
};

// The requests, by place in the list given, that were not written.
struct NotFinished {
  std::vector<std::size_t> busy;  // somebody has the customer's or the request's row locked: try again soon
  std::vector<std::size_t> lost;  // the claim is another's now, or was finished already: nothing was changed
};

// Writes ends, and what they mean for the mirror, in one transaction. Waits for nobody's locks on customers and
// requests.
NotFinished finish_requests(Session& session, const std::vector<RequestEnd>& ends);

// Makes those requests pending again that nobody is sending: of daemons that are dead, and of this one but for the
// claims that it has in hand. Returns how many there were.
std::int64_t recover_requests(Session& session, std::int64_t daemon, const std::vector<std::int64_t>& in_hand);

}  // namespace bounced::db
