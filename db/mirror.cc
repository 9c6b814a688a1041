// SPDX-License-Identifier: Apache-2.0
#include "db/mirror.h"

#include <fmt/format.h>

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"
#include "db/staging.h"

namespace bounced::db {
namespace {

// A list that does not move last_full_at notes in the rows that it has them at most once a day: every recent poll, and
// every poll of a list that always has an unreadable entry, would rewrite every row otherwise.
constexpr double note_seen_after_seconds = 86400;

std::string remark_on(const Merged& merged, const ListFacts& list) {
  std::string remark;
  if (merged.held) {
    remark = fmt::format(
        "held: the list lacks {} current bounces, more than half of them; they stay until the next full list",
        merged.lacking);
  }
  if (list.without_email > 0) {
    if (!remark.empty()) remark += "; ";
    remark += fmt::format("{} entries of the list have no email: nothing is taken for gone", list.without_email);
  }
  if (!list.unproven.empty()) {
    if (!remark.empty()) remark += "; ";
    remark += fmt::format("not known to be whole, so that nothing is taken for gone: {}", list.unproven);
  }
  if (list.too_long > 0) {
    if (!remark.empty()) remark += "; ";
    remark += fmt::format("{} entries were left out: their email is longer than 1,000 bytes", list.too_long);
  }
  return remark;
}

// Notes in the rows what a list has that does not move last_full_at.
void note_seen(pqxx::work& tx, const Claim& claim, const Merged& merged, bool whole) {
  if (claim.full && whole && !merged.held) return;
  const double older_than = merged.held ? 0 : note_seen_after_seconds;
  exec(tx, sql::note_seen, claim.customer_id, claim.asked_at, older_than);
}

// The list's fingerprint, where it can be compared with others: what is left out has none.
std::optional<std::string> print_of(const Claim& claim, const ListFacts& list) {
  const bool comparable = claim.full && list.is_whole() && list.too_long == 0 && !list.print.empty();
  return comparable ? std::optional(list.print) : std::nullopt;
}

struct Merge {
  Merged merged;
  std::optional<std::string> print = {};  // of the list, where the current bounces are exactly that now
  bool is_same = false;                   // it was found to be so without a merge
};

void write_end(pqxx::work& tx, const Claim& claim, const ListFacts& list, std::int64_t edition, const Merge& merge) {
  const Merged& merged = merge.merged;
  const bool believed = claim.full && list.is_whole() && !merged.held;
  const std::optional<std::string> remark =
      merged.remark.empty() ? std::nullopt : std::optional<std::string>(merged.remark);
  const std::int64_t more_current = merged.added - merged.superseded - merged.disappeared;
  const bool print_stands = !claim.full && !merged.changed_something();
  exec(tx, sql::finish_poll, claim.customer_id, claim.asked_at, believed, merged.held, remark, more_current,
       merge.print, merge.print ? std::optional(list.entries) : std::nullopt,
       merge.print ? std::optional(edition) : std::nullopt, !merge.is_same, print_stands);
  if (merged.changed_something()) {
    exec(tx, sql::log_poll, claim.customer_id, claim.full ? "full" : "recent", claim.asked_at, list.entries,
         merged.added, merged.changed, merged.superseded, merged.disappeared, list.bytes, remark);
  }
}

// What is staged. The customer's row is locked, and the claim stands.
Merge merge_staged_rows(pqxx::work& tx, const Claim& claim, const ListFacts& list, const Staged& staged) {
  const auto rows = exec_row(tx, "select count(*) from pg_temp.staged")[0].as<std::uint64_t>();
  if (rows != staged.entries) {
    throw Unavailable(fmt::format("{} rows of a list of {} are staged: the session was lost", rows, staged.entries));
  }
  const bool whole = list.is_whole();
  const std::int32_t rules = list.classifier->fingerprint();
  if (claim.full && exec_row(tx, sql::is_first_list, claim.customer_id, claim.asked_at)[0].as<bool>()) {
    Merged first;
    const pqxx::result merged = exec(tx, sql::merge_first, claim.customer_id, claim.asked_at, rules);
    first.added = static_cast<std::int64_t>(merged.affected_rows());
    first.remark = remark_on(first, list);
    return {std::move(first), print_of(claim, list)};
  }
  const bool first_instants = claim.full && list.has_instants && !claim.time_zone.empty();
  std::int64_t adopted = 0;
  if (first_instants) {
    // What it joins has no statistics: a nested loop over a long list would take hours.
    exec(tx, "set local enable_nestloop = off");
    adopted = static_cast<std::int64_t>(exec(tx, sql::adopt_instants, claim.customer_id).affected_rows());
    exec(tx, "set local enable_nestloop = on");
  }
  const pqxx::row row = claim.full && whole ? exec_row(tx, sql::merge_full, claim.customer_id, claim.asked_at,
                                                       staged.only_parts, list.by_time, rules)
                                            : exec_row(tx, sql::merge_part, claim.customer_id, claim.asked_at, rules);
  Merged merged{.added = row[0].as<std::int64_t>(),
                .changed = row[1].as<std::int64_t>() + adopted,
                .superseded = row[2].as<std::int64_t>(),
                .disappeared = row[3].as<std::int64_t>(),
                .held = row[4].as<bool>(),
                .lacking = row[5].as<std::int64_t>(),
                .remark = {}};
  merged.remark = remark_on(merged, list);
  if (first_instants && whole && !merged.held) {
    // From now on all times of the customer are instants.
    exec(tx, "update bounced.customers set time_zone = '' where customer_id = $1", claim.customer_id);
  }
  note_seen(tx, claim, merged, whole);
  return {std::move(merged), row[6].as<bool>() ? print_of(claim, list) : std::nullopt};
}

// Runs work(tx, edition) where the claim still stands, with the customer's row locked.
template <class Work>
auto under_claim(Session& session, const Claim& claim, Work work) {
  return session.in_transaction([&](pqxx::work& tx) -> decltype(work(tx, std::int64_t{})) {
    const pqxx::result locked = exec(tx, sql::lock_claim, claim.customer_id, claim.daemon, claim.number);
    if (locked.empty()) return NotMerged::claim_lost;
    if (locked[0][0].as<std::string>() != claim.time_zone) return NotMerged::zone_changed;
    return work(tx, locked[0][1].as<std::int64_t>());
  });
}

bool is_same_list(pqxx::work& tx, const Claim& claim, const ListFacts& list, std::int64_t edition) {
  const auto print = print_of(claim, list);
  return print && exec_row(tx, sql::is_same_list, claim.customer_id, *print, list.entries, edition)[0].as<bool>();
}

using Outcome = std::variant<Merged, NotMerged>;

Merged finish_same(pqxx::work& tx, const Claim& claim, const ListFacts& list, std::int64_t edition) {
  Merged nothing;
  write_end(tx, claim, list, edition, {nothing, list.print, true});
  return nothing;
}

Merged merge(pqxx::work& tx, const Claim& claim, const ListFacts& list, std::int64_t edition, const Staged& staged) {
  const Merge merge = merge_staged_rows(tx, claim, list, staged);
  write_end(tx, claim, list, edition, merge);
  return merge.merged;
}

// For a long list. At most half of the pool's connections merge such at once: that bounds the memory.
void set_merge_memory(pqxx::work& tx) {
  exec(tx, "select set_config('work_mem', '64MB', true)");
}

}  // namespace

void begin_staging(Session& session) {
  session.in_transaction(prepare_staging);
}

void stage(Session& session, const Claim& claim, const Batches& batches, const classify::Classifier& classifier) {
  session.in_transaction([&](pqxx::work& tx) { stage_long(tx, claim, classifier, batches); });
}

std::variant<Merged, NotMerged> merge_staged(Session& session, const Claim& claim, const ListFacts& list) {
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> Outcome {
    set_merge_memory(tx);
    Merged merged = merge(tx, claim, list, edition, {.entries = list.entries});
    exec(tx, "truncate pg_temp.staged_long");
    return merged;
  });
}

std::optional<std::variant<Merged, NotMerged>> finish_if_same(Session& session, const Claim& claim,
                                                              const ListFacts& list) {
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> std::optional<Outcome> {
    if (!is_same_list(tx, claim, list, edition)) return std::nullopt;
    return finish_same(tx, claim, list, edition);
  });
}

std::variant<Merged, NotMerged> merge_spooled(Session& session, const Claim& claim, const ListFacts& list,
                                              ListSpool& spool) {
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> Outcome {
    prepare_staging(tx);
    set_merge_memory(tx);
    const Staged staged = print_of(claim, list) ? stage_difference(tx, claim, *list.classifier, spool)
                                                : stage_whole(tx, claim, *list.classifier, spool);
    return merge(tx, claim, list, edition, staged);
  });
}

std::variant<Merged, NotMerged> merge_short(Session& session, const Claim& claim, const ListFacts& list,
                                            const std::vector<std::vector<ListedBounce>>& batches) {
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> Outcome {
    if (is_same_list(tx, claim, list, edition)) return finish_same(tx, claim, list, edition);
    prepare_staging(tx);
    stage_short(tx, claim, *list.classifier, batches);
    return merge(tx, claim, list, edition, {.entries = list.entries});
  });
}

}  // namespace bounced::db
