// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "classify/classifier.h"
#include "db/listed_bounce.h"
#include "db/pqxx_compat.h"

namespace bounced::db {

class Session;

// What the mirror says of a bounce besides what the list says.
struct ClassOfBounce {
  classify::BounceClass bounce_class{};
  std::int64_t reason_key = 0;  // of the folded reason (table reasons)
};

// Classifies bounces on their way into the mirror, and notes the reasons that it meets.
class BounceClasses {
 public:
  explicit BounceClasses(const classify::Classifier& classifier) : classifier_(classifier) {}

  ClassOfBounce operator()(const std::string& status, const std::string& reason);
  // Writes those reasons that the database does not know.
  void write_reasons(pqxx::work& tx);

 private:
  struct Reason {
    std::string folded;
    std::string sample;
  };
  const classify::Classifier& classifier_;
  std::unordered_map<std::int64_t, Reason> reasons_;
};

// These rules count from now on, or, with `only_first`, if there are none yet: the mirror is classified by them, step
// by step.
void adopt_class_rules(pqxx::work& tx, const classify::Classifier& classifier, bool only_first = false);

// Classifies the next rows of the mirror, if there are any that these rules have not seen and no later rules count.
// Waits for no merge. Gives whether there is more to do at once.
bool classify_next(Session& session, const classify::Classifier& classifier);

// Adds changes of the mirror to the counts. Gives whether there are more.
bool fold_counts(Session& session);

}  // namespace bounced::db
