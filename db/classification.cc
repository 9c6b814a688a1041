// SPDX-License-Identifier: Apache-2.0
#include "db/classification.h"

#include <xxhash.h>

#include <bit>
#include <optional>
#include <vector>

#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {
namespace {

// Takes some 20 ms, which others wait at most for a row.
constexpr int rows_at_once = 2000;
constexpr int changes_at_once = 20'000;
// Of one transaction. Further ones are no reasons of their own: a list whose reasons cannot be folded would fill
// memory.
constexpr std::size_t most_reasons = 50'000;
constexpr std::int64_t other_reasons = 1;

}  // namespace

ClassOfBounce BounceClasses::operator()(const std::string& status, const std::string& reason) {
  std::string folded = classify::fold_reason(reason);
  auto key = std::bit_cast<std::int64_t>(static_cast<std::uint64_t>(XXH3_64bits(folded.data(), folded.size())));
  if (!reasons_.contains(key)) {
    if (reasons_.size() < most_reasons) {
      reasons_.emplace(key, Reason{std::move(folded), reason});
    } else {
      key = other_reasons;
      reasons_.try_emplace(key, Reason{"(other reasons)", reason});
    }
  }
  return {classifier_.classify(status, reason), key};
}

void BounceClasses::write_reasons(pqxx::work& tx) {
  if (reasons_.empty()) return;
  std::vector<std::int64_t> keys;
  std::vector<std::string> texts, samples;
  for (const auto& [key, reason] : reasons_) {
    keys.push_back(key);
    texts.push_back(reason.folded);
    samples.push_back(reason.sample);
  }
  exec(tx, sql::add_reasons, keys, texts, samples);
  reasons_.clear();
}

void adopt_class_rules(pqxx::work& tx, const classify::Classifier& classifier, bool only_first) {
  exec(tx, sql::adopt_class_rules, classifier.fingerprint(), only_first);
}

bool classify_next(Session& session, const classify::Classifier& classifier) {
  return session.in_transaction([&](pqxx::work& tx) {
    // One daemon does it.
    const auto locked = exec_row(tx, "select pg_try_advisory_xact_lock(hashtextextended('bounced classify', 0))");
    if (!locked[0].as<bool>()) return false;
    const pqxx::result rows = exec(tx, sql::unclassified_next, classifier.fingerprint(), rows_at_once);
    if (rows.empty()) {
      exec(tx, sql::end_classification, classifier.fingerprint());
      return false;
    }
    BounceClasses classes(classifier);
    std::vector<int> customers, numbers;
    std::vector<std::int64_t> bounces, keys;
    std::vector<std::string> statuses, reasons;
    for (const auto& row : rows) {
      auto status = row[2].as<std::string>(), reason = row[3].as<std::string>();
      const ClassOfBounce is = classes(status, reason);
      const int number = static_cast<int>(is.bounce_class);
      if (!row[4].is_null() && row[4].as<int>() == number && !row[5].is_null() &&
          row[5].as<std::int64_t>() == is.reason_key) {
        continue;
      }
      customers.push_back(row[0].as<int>());
      bounces.push_back(row[1].as<std::int64_t>());
      numbers.push_back(number);
      keys.push_back(is.reason_key);
      statuses.push_back(std::move(status));
      reasons.push_back(std::move(reason));
    }
    classes.write_reasons(tx);
    const pqxx::result left = exec(tx, sql::classify_rows, customers, bounces, numbers, keys, statuses, reasons,
                                   rows.back()[6].as<std::int64_t>());
    const auto& last = rows.back();
    const auto version = last[6].as<std::int64_t>();
    if (left.empty()) {
      exec(tx, sql::note_classified, last[0].as<int>(), last[1].as<std::int64_t>(), version);
    } else {
      // Up to the first that somebody else has in hand; the rest is done again, later.
      exec(tx, sql::note_classified, left[0][0].as<int>(), left[0][1].as<std::int64_t>() - 1, version);
    }
    return left.empty();
  });
}

bool fold_counts(Session& session) {
  return session.in_transaction([&](pqxx::work& tx) {
    return exec_row(tx, "select bounced.fold_counts($1)", changes_at_once)[0].as<std::int64_t>() == changes_at_once;
  });
}

}  // namespace bounced::db
