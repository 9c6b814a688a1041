// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "classify/classifier.h"
#include "db/claims.h"
#include "db/list_spool.h"
#include "db/listed_bounce.h"

namespace bounced::db {

// What is to be known of a list to merge it.
struct ListFacts {
  std::uint64_t entries = 0;        // that were staged
  std::uint64_t without_email = 0;  // entries that could not be: then the list may lack bounces
  std::uint64_t too_long = 0;       // entries left out since their email is too long to be one
  std::uint64_t bytes = 0;          // as they came over the wire, for the log
  std::string print = {};           // its ListPrint; empty: not known
  bool has_instants = false;        // as times, instead of local ones
  std::string unproven = {};        // why it may lack bounces that were on it; empty: it does not
  std::shared_ptr<const classify::Classifier> classifier = classify::built_in();  // never null
  bool by_time = false;  // read by ranges of time: bounces without a time may be on it all the same

  // Whether what it lacks is not on it.
  [[nodiscard]] bool is_whole() const { return without_email == 0 && unproven.empty(); }
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

// There are three ways to the mirror. Each classifies what it writes, and ends, in one transaction, by noting the
// poll's success, logging it where it changed something, setting the next one and giving the claim back.

// A short list is given whole.
std::variant<Merged, NotMerged> merge_short(Session& session, const Claim& claim, const ListFacts& list,
                                            const std::vector<std::vector<ListedBounce>>& batches);

// A long one of a customer with bounces waits in a file. It is over where the fingerprint says that it is exactly what
// is current, as a poll before has found; nothing else is read or written then. Nothing: it has to be merged, by which
// the current bounces are read, and only what differs is staged. Throws what ListSpool throws.
std::optional<std::variant<Merged, NotMerged>> finish_if_same(Session& session, const Claim& claim,
                                                              const ListFacts& list);
std::variant<Merged, NotMerged> merge_spooled(Session& session, const Claim& claim, const ListFacts& list,
                                              ListSpool& spool);

// Any other long list is staged while it arrives, in the session's own temporary table: begin_staging, stage as often
// as needed (each in a transaction of its own), merge, all in the same session. Times without a zone are read in the
// claim's. Throws Unavailable where the staged rows are not as many as the list has.
void begin_staging(Session& session);
void stage(Session& session, const Claim& claim, const std::vector<std::vector<ListedBounce>>& batches,
           const classify::Classifier& classifier = *classify::built_in());
std::variant<Merged, NotMerged> merge_staged(Session& session, const Claim& claim, const ListFacts& list);

}  // namespace bounced::db
