// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "classify/classifier.h"
#include "db/claims.h"
#include "db/list_spool.h"
#include "db/listed_bounce.h"
#include "db/pqxx_compat.h"

namespace bounced::db {

// What a merge reads: the session's own temporary tables (sql/stage_setup.sql).

using Batches = std::vector<std::vector<ListedBounce>>;

// Makes them, or empties the long list's, where a poll that did not end left rows.
void prepare_staging(pqxx::work& tx);

// Appends to the long list's table, which outlives the transaction, and to the short one's, which its end empties.
// Times without a zone are read in the claim's.
void stage_long(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, const Batches& batches);
void stage_short(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, const Batches& batches);

struct Staged {
  std::uint64_t entries = 0;
  // Only parts of the list are staged, and in pg_temp.staged_known are the ids of the current bounces in those parts;
  // in all others the list is exactly what is current.
  bool only_parts = false;
};

// Stages what of the list differs from the customer's current bounces, which are read for it; all of it where half of
// them would be in question, as they may be for the shrink guard. The customer's row is locked. Throws what ListSpool
// throws.
Staged stage_difference(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, ListSpool& list);
// All of the list.
Staged stage_whole(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, ListSpool& list);

}  // namespace bounced::db
