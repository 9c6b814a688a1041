// SPDX-License-Identifier: Apache-2.0
#include "db/staging.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "db/classification.h"
#include "db/copy.h"
#include "db/queries.h"
#include "db/temporary_file.h"

namespace bounced::db {
namespace {

// PostgreSQL's text form of the time, to be read in the session's zone unless it is an instant.
std::optional<std::string> timestamp_text(const ListedBounce& bounce) {
  if (const auto* local = std::get_if<LocalTime>(&bounce.created)) return local->text;
  if (const auto* instant = std::get_if<Instant>(&bounce.created)) return fmt::format("{:%F %T}+00", *instant);
  return std::nullopt;
}

// COPY itself converts the times then; the zone is the session's own again after the transaction.
void set_time_zone(pqxx::work& tx, const Claim& claim) {
  if (!claim.time_zone.empty()) exec(tx, "select set_config('TimeZone', $1, true)", claim.time_zone);
}

class StageWriter {
 public:
  StageWriter(pqxx::work& tx, const classify::Classifier& classifier, const char* table)
      : tx_(tx),
        classes_(classifier),
        writer_(tx, table, {"email", "bounced_at", "status", "reason", "class", "reason_key"}) {}

  void write(const std::vector<ListedBounce>& batch) {
    for (const ListedBounce& bounce : batch) {
      const std::optional<std::string> created = timestamp_text(bounce);
      const ClassOfBounce is = classes_(bounce.status, bounce.reason);
      const fmt::format_int number(static_cast<int>(is.bounce_class)), key(is.reason_key);
      writer_.row({bounce.email, created, bounce.status, bounce.reason, std::string_view(number.data(), number.size()),
                   std::string_view(key.data(), key.size())});
    }
  }
  void finish() {
    writer_.finish();
    classes_.write_reasons(tx_);
  }

 private:
  pqxx::work& tx_;
  BounceClasses classes_;
  CopyWriter writer_;
};

void copy(pqxx::work& tx, const char* table, const Claim& claim, const classify::Classifier& classifier,
          const Batches& batches) {
  set_time_zone(tx, claim);
  StageWriter writer(tx, classifier, table);
  for (const auto& batch : batches) writer.write(batch);
  writer.finish();
}

// Appends those entries of the list; gives how many they are.
std::uint64_t copy(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, ListSpool& list,
                   const ListParts::Set& parts) {
  set_time_zone(tx, claim);
  StageWriter writer(tx, classifier, "staged_short");
  std::uint64_t entries = 0;
  for (auto batch = list.read(parts); !batch.empty(); batch = list.read(parts)) {
    entries += batch.size();
    writer.write(batch);
  }
  writer.finish();
  return entries;
}

// A customer's current bounces, of which memory has no room for more than the parts' fingerprints.
class CurrentBounces {
 public:
  // With instants, or with local times, as the list has them.
  CurrentBounces(pqxx::work& tx, const Claim& claim, bool with_instants) {
    set_time_zone(tx, claim);
    const auto query = with_instants ? sql::current_instants : sql::current_bounces;
    CopyReader reader(tx, fmt::format(fmt::runtime(query), claim.customer_id));
    ListedBounce bounce;
    for (std::vector<CopyReader::Field> row; reader.next(row);) {
      Id id{.bounce_id = 0, .part = ListParts::part_of(*row[1])};
      std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), id.bounce_id);
      ids_.write({reinterpret_cast<const char*>(&id), sizeof id});
      ++in_part_[id.part];
      ++count_;
      bounce.email = *row[1];
      bounce.status = *row[2];
      bounce.reason = *row[3];
      if (row[4] && with_instants) {
        std::int64_t seconds = 0;
        std::from_chars(row[4]->data(), row[4]->data() + row[4]->size(), seconds);
        bounce.created.emplace<Instant>(std::chrono::seconds(seconds));
      } else if (row[4]) {
        bounce.created.emplace<LocalTime>(LocalTime{std::string(*row[4])});
      } else {
        bounce.created.emplace<std::monostate>();
      }
      parts_.add(bounce);
    }
  }

  [[nodiscard]] const ListParts& parts() const { return parts_; }

  // Whether no more than half of them are in these parts.
  [[nodiscard]] bool has_few_in(const ListParts::Set& parts) const {
    std::uint64_t few = 0;
    for (std::size_t part = 0; part < ListParts::count; ++part) few += parts[part] ? in_part_[part] : 0;
    return few * 2 <= count_;
  }

  // Stages the ids of those in these parts.
  void stage(pqxx::work& tx, const ListParts::Set& parts) {
    CopyWriter writer(tx, "staged_known", {"bounce_id"});
    for (auto bytes = ids_.read(sizeof(Id)); !bytes.empty(); bytes = ids_.read(sizeof(Id))) {
      Id id{};
      std::memcpy(&id, bytes.data(), sizeof id);
      if (parts[id.part]) writer.row({fmt::format_int(id.bounce_id).c_str()});
    }
    writer.finish();
  }

 private:
  struct Id {
    std::int64_t bounce_id;
    std::size_t part;
  };
  ListParts parts_;
  std::vector<std::uint32_t> in_part_ = std::vector<std::uint32_t>(ListParts::count);
  std::uint64_t count_ = 0;
  TemporaryFile ids_;
};

}  // namespace

void prepare_staging(pqxx::work& tx) {
  if (exec_row(tx, "select to_regclass('pg_temp.staged') is null")[0].as<bool>()) {
    exec(tx, sql::stage_setup);
  } else if (exec_row(tx, "select exists (select from pg_temp.staged_long)")[0].as<bool>()) {
    exec(tx, "truncate pg_temp.staged_long");
  }
}

void stage_long(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, const Batches& batches) {
  copy(tx, "staged_long", claim, classifier, batches);
}

void stage_short(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, const Batches& batches) {
  copy(tx, "staged_short", claim, classifier, batches);
}

Staged stage_difference(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, ListSpool& list) {
  CurrentBounces current(tx, claim, list.has_instants());
  const ListParts::Set differing = list.parts().differing(current.parts());
  if (!current.has_few_in(differing)) return stage_whole(tx, claim, classifier, list);
  if (differing.any()) current.stage(tx, differing);
  return {.entries = copy(tx, claim, classifier, list, differing), .only_parts = true};
}

Staged stage_whole(pqxx::work& tx, const Claim& claim, const classify::Classifier& classifier, ListSpool& list) {
  return {.entries = copy(tx, claim, classifier, list, ListParts::Set().set())};
}

}  // namespace bounced::db
