// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "db/claims.h"
#include "db/mirror.h"
#include "db/requests.h"
#include "sync/api/client.h"

// What happens while the job is done, for those who watch: logs, progress, metrics.
namespace bounced::sync {

using Seconds = std::chrono::duration<double>;

// A list is arriving.
struct ListProgress {
  std::string customer;
  std::uint64_t more_entries;  // since the last word
};

struct PollEnded {
  db::Claim claim;  // claim.failures: polls that had failed in a row before this one
  db::ListFacts list;
  db::Merged merged;
  Seconds took;
};

struct PollFailed {
  db::Claim claim;
  std::string kind;  // of the fault, as api::name() says it, or "internal"
  std::string message;
  int failures;  // in a row
  Seconds next_try;
};

// The list was read in vain: nothing was changed, and it is nobody's failure.
struct PollDiscarded {
  db::Claim claim;
  std::string why;
};

// A deletion request was answered, or its call broken off, and that is written.
struct RequestEnded {
  std::string customer;
  std::string account;
  db::RequestEnd end;  // end.claim.attempts: those before this one
  bool claim_lost;     // another daemon has taken it over: nothing was written
  Seconds took;
};

// What became of requests of late: told when there are no more for now, and every minute while there are.
struct RequestsProgress {
  std::uint64_t deleted = 0;
  std::uint64_t not_listed = 0;
  std::uint64_t failed = 0;
  std::uint64_t again = 0;  // to be tried again
  Seconds took{};

  [[nodiscard]] bool empty() const { return deleted + not_listed + failed + again == 0; }
};

struct AccountPaused {
  std::string account;
  std::string kind;
  std::string because;
  Seconds length;
  int times;          // in a row
  std::string calls;  // which it makes none of: "lists", "deletions", "subusers" or "all"
};

struct AccountResumed {
  std::string account;
  std::string calls;  // of this kind, and all, if they were paused too
};

// No call is made to delete addresses of the customer for a while.
struct CustomerHeld {
  std::string customer;
  std::string kind;  // of the fault, as api::name() says it
  std::string message;
  Seconds length;
};

// An account with `customers: all` has other customers than before.
struct CustomersListed {
  std::string account;
  std::size_t count;
  std::vector<std::string> added;
  std::vector<std::string> vanished;
};

// It could not be asked, or its answer is not believed: its customers are those that it had.
struct CustomersNotListed {
  std::string account;
  std::string kind;  // of the fault, as api::name() says it, or "held"
  std::string message;
  Seconds next_try;
};

// What the API says of customers: they are disabled, so that they send no mail (their lists are read all the same), or
// their names cannot be customers' names, so that they are left out.
struct CustomersRemarked {
  enum class Remark { disabled, unusable };
  std::string account;
  Remark remark;
  std::vector<std::string> customers;  // those of which that was not said before
};

// Something in flight outlived its deadline: a bug. It is broken off.
struct Stalled {
  std::string what;
  std::string whom;
  std::string waits_for;
  Seconds took;
  Seconds step_took;  // waiting for that
};

struct DatabaseLost {
  std::string message;
};

struct DatabaseBack {
  Seconds after;
};

// The database is there and refuses the statements of a loop: it tries again.
struct WorkRefused {
  std::string loop;  // "schedule", "deletions", …
  std::string message;
  Seconds next_try;
};

// It does them again.
struct WorkAccepted {
  std::string loop;
};

using Event = std::variant<ListProgress, PollEnded, PollFailed, PollDiscarded, RequestEnded, RequestsProgress,
                           AccountPaused, AccountResumed, CustomerHeld, CustomersListed, CustomersNotListed,
                           CustomersRemarked, Stalled, DatabaseLost, DatabaseBack, WorkRefused, WorkAccepted>;

class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on(const Event& event) = 0;
};

}  // namespace bounced::sync
