// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "db/claims.h"
#include "db/listed_bounce.h"

namespace bounced::db {

// What is to be known of a list to merge it.
struct ListFacts {
  std::uint64_t entries = 0;        // that were staged
  std::uint64_t without_email = 0;  // entries that could not be: then the list may lack bounces
  std::uint64_t too_long = 0;       // entries left out since their email is too long to be one
  std::uint64_t bytes = 0;          // as they came over the wire, for the log
  std::string print = {};           // its ListPrint; empty: not known
};

// A list that was merged, committed.
struct Merged {
  std::int64_t added = 0;
  std::int64_t changed = 0;
  std::int64_t superseded = 0;
  std::int64_t disappeared = 0;
  bool held = false;         // by the shrink guard: what it lacks is still current
  std::int64_t lacking = 0;  // current rows that a full list lacks, held or gone
  std::string remark = {};   // what is in last_error now, if anything

  [[nodiscard]] bool changed_something() const { return added + changed + superseded + disappeared > 0 || held; }
};

// The list was not merged; nothing was changed.
enum class NotMerged {
  claim_lost,    // another daemon has the customer, or had it
  zone_changed,  // the customer's times are read in another zone now
};

// Notes the poll's success, sets the next one and gives the claim back, if the customer's current bounces are exactly
// that list, as a merge has found before; nothing else is read or written then. Nothing: it has to be merged.
std::optional<std::variant<Merged, NotMerged>> finish_if_same(Session& session, const Claim& claim,
                                                              const ListFacts& list);

// A long list is staged while it arrives, in the session's own temporary table: begin_staging, stage as often as
// needed, merge, all in the same session. A short one is given to merge whole.

void begin_staging(Session& session);

// Appends, in a transaction of its own. Times without a zone are read in the claim's.
void stage(Session& session, const Claim& claim, const std::vector<std::vector<ListedBounce>>& batches);

// Merges what was staged and, in the same transaction, notes the poll's success, logs it where it changed something,
// sets the next one and gives the claim back. Throws Unavailable where the staged rows are not as many as the list has.
std::variant<Merged, NotMerged> merge_staged(Session& session, const Claim& claim, const ListFacts& list);

// The same for a list that is in memory.
std::variant<Merged, NotMerged> merge_short(Session& session, const Claim& claim, const ListFacts& list,
                                            const std::vector<std::vector<ListedBounce>>& batches);

}  // namespace bounced::db
