// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sync/api/fault.h"
#include "sync/call_kind.h"

// What a fault means: for the poll or the request that met it, and for the calls that come after it. Pure logic.
namespace bounced::sync {

// How many calls of a kind failed in a row, this one included.
enum class InARow {
  few,
  of_customer,  // many for this customer; nothing points to others
  of_several,   // many, for several customers of the account, and no answer in between
};

// A fault, and what else is known when it is met.
struct Met {
  api::Fault::Kind kind{};
  api::Fault::Origin origin{};
  CallKind calls{};
  bool many = false;             // the call was for several addresses
  bool others_answered = false;  // the same key gets answers for other customers
  InARow in_a_row = InARow::few;
};

struct Decision {
  // Of a request or of a poll. A poll has no `failed`: it is always tried again.
  enum class End {
    failed,      // for good
    again,       // later; it counts as an attempt, or as a failure of the customer
    one_by_one,  // its addresses are sent again at once, each by itself
    released,    // as if it had not been tried
  };
  // Who makes no calls for a while.
  enum class Pause {
    none,
    customer,  // its deletions; its next poll is put off by the failure anyway
    calls,     // this kind of call, of the whole account
    account,   // every call
  };
  End end{};
  Pause pause{};

  bool operator==(const Decision&) const = default;
};

Decision decide(const Met& met);

// What decide() goes by, as a table in Markdown: CONTRIBUTING.md has it.
std::string decision_table();

}  // namespace bounced::sync
