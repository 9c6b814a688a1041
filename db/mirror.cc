// SPDX-License-Identifier: Apache-2.0
#include "db/mirror.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "db/copy.h"
#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

using Batches = std::vector<std::vector<ListedBounce>>;

// A list that is known to be incomplete notes in the rows that it has them at most once a day: every poll of a customer
// whose list always has an unreadable entry would rewrite every row otherwise.
constexpr double note_incomplete_after_seconds = 86400;

// PostgreSQL's text form of the time, to be read in the session's zone unless it is an instant.
std::optional<std::string> timestamp_text(const ListedBounce& bounce) {
  if (const auto* local = std::get_if<LocalTime>(&bounce.created)) return local->text;
  if (const auto* instant = std::get_if<Instant>(&bounce.created)) return fmt::format("{:%F %T}+00", *instant);
  return std::nullopt;
}

void copy(pqxx::work& tx, const char* table, const std::string& time_zone, const Batches& batches) {
  // COPY itself converts the times then; is_local: the zone is the session's own again after the transaction.
  exec(tx, "select set_config('TimeZone', $1, true)", time_zone);
  CopyWriter writer(tx, table, {"email", "bounced_at", "status", "reason"});
  for (const auto& batch : batches) {
    for (const ListedBounce& bounce : batch) {
      const std::optional<std::string> created = timestamp_text(bounce);
      writer.row({bounce.email, created, bounce.status, bounce.reason});
    }
  }
  writer.finish();
}

// Makes the session's staging tables, or empties the long one where a poll that did not end left rows.
void prepare_staging(pqxx::work& tx) {
  if (exec_row(tx, "select to_regclass('pg_temp.staged') is null")[0].as<bool>()) {
    exec(tx, sql::stage_setup);
  } else if (exec_row(tx, "select exists (select from pg_temp.staged_long)")[0].as<bool>()) {
    exec(tx, "truncate pg_temp.staged_long");
  }
}

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
  if (list.too_long > 0) {
    if (!remark.empty()) remark += "; ";
    remark += fmt::format("{} entries were left out: their email is longer than 1,000 bytes", list.too_long);
  }
  return remark;
}

// Notes in the rows what a list has that does not move last_full_at.
void note_seen(pqxx::work& tx, const Claim& claim, const Merged& merged, bool whole) {
  if (claim.full && whole && !merged.held) return;
  const double older_than = claim.full && !merged.held ? note_incomplete_after_seconds : 0;
  exec(tx, sql::note_seen, claim.customer_id, claim.asked_at, older_than);
}

// The list's fingerprint, where it can be compared with others: what is left out has none.
std::optional<std::string> print_of(const Claim& claim, const ListFacts& list) {
  const bool comparable = claim.full && list.without_email == 0 && list.too_long == 0 && !list.print.empty();
  return comparable ? std::optional(list.print) : std::nullopt;
}

struct Merge {
  Merged merged;
  std::optional<std::string> print = {};  // of the list, where the current bounces are exactly that now
  bool is_same = false;                   // it was found to be so without a merge
};

void write_end(pqxx::work& tx, const Claim& claim, const ListFacts& list, std::int64_t edition, const Merge& merge) {
  const Merged& merged = merge.merged;
  const bool believed = claim.full && list.without_email == 0 && !merged.held;
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
Merge merge_staged_rows(pqxx::work& tx, const Claim& claim, const ListFacts& list) {
  const auto staged = exec_row(tx, "select count(*) from pg_temp.staged")[0].as<std::uint64_t>();
  if (staged != list.entries) {
    throw Unavailable(fmt::format("{} rows of a list of {} are staged: the session was lost", staged, list.entries));
  }
  const bool whole = list.without_email == 0;
  const pqxx::row row =
      exec_row(tx, claim.full && whole ? sql::merge_full : sql::merge_part, claim.customer_id, claim.asked_at);
  Merged merged{.added = row[0].as<std::int64_t>(),
                .changed = row[1].as<std::int64_t>(),
                .superseded = row[2].as<std::int64_t>(),
                .disappeared = row[3].as<std::int64_t>(),
                .held = row[4].as<bool>(),
                .lacking = row[5].as<std::int64_t>(),
                .remark = {}};
  merged.remark = remark_on(merged, list);
  note_seen(tx, claim, merged, whole);
  return {std::move(merged), row[6].as<bool>() ? print_of(claim, list) : std::nullopt};
}

// Runs work(tx, edition) where the claim still stands, with the customer's row locked.
template <class Work>
auto under_claim(Session& session, const Claim& claim, Work work) {
  using Outcome = decltype(work(std::declval<pqxx::work&>(), std::int64_t{}));
  return session.in_transaction([&](pqxx::work& tx) -> Outcome {
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

Merged finish_same(pqxx::work& tx, const Claim& claim, const ListFacts& list, std::int64_t edition) {
  Merged nothing;
  write_end(tx, claim, list, edition, {nothing, list.print, true});
  return nothing;
}

}  // namespace

void begin_staging(Session& session) {
  session.in_transaction(prepare_staging);
}

void stage(Session& session, const Claim& claim, const Batches& batches) {
  session.in_transaction([&](pqxx::work& tx) { copy(tx, "staged_long", claim.time_zone, batches); });
}

std::optional<std::variant<Merged, NotMerged>> finish_if_same(Session& session, const Claim& claim,
                                                              const ListFacts& list) {
  using Outcome = std::optional<std::variant<Merged, NotMerged>>;
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> Outcome {
    if (!is_same_list(tx, claim, list, edition)) return std::nullopt;
    return finish_same(tx, claim, list, edition);
  });
}

std::variant<Merged, NotMerged> merge_staged(Session& session, const Claim& claim, const ListFacts& list) {
  using Outcome = std::variant<Merged, NotMerged>;
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> Outcome {
    // At most half of the pool's connections merge long lists at once: that bounds the memory.
    exec(tx, "select set_config('work_mem', '64MB', true)");
    const Merge merge = merge_staged_rows(tx, claim, list);
    write_end(tx, claim, list, edition, merge);
    exec(tx, "truncate pg_temp.staged_long");
    return merge.merged;
  });
}

std::variant<Merged, NotMerged> merge_short(Session& session, const Claim& claim, const ListFacts& list,
                                            const Batches& batches) {
  using Outcome = std::variant<Merged, NotMerged>;
  return under_claim(session, claim, [&](pqxx::work& tx, std::int64_t edition) -> Outcome {
    if (is_same_list(tx, claim, list, edition)) return finish_same(tx, claim, list, edition);
    prepare_staging(tx);
    copy(tx, "staged_short", claim.time_zone, batches);  // the commit empties it
    const Merge merge = merge_staged_rows(tx, claim, list);
    write_end(tx, claim, list, edition, merge);
    return merge.merged;
  });
}

}  // namespace bounced::db
