// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "tests/simulator/lists.h"
#include "tests/simulator/local_time.h"

namespace bounced::simulator {

// An entry of a list, by when it was created.
struct Dated {
  static constexpr std::int64_t never = -1;  // it has no `created`

  std::int64_t created = never;  // unix seconds; 0 if unreadable
  std::uint64_t place = 0;

  bool operator>(const Dated& other) const { return std::tie(created, place) > std::tie(other.created, other.place); }
};

// The lists in the order of v3. Each is kept as it was sorted last, and only what has changed since is done anew: a
// page of a list of a million must not cost its sorting.
class NewestFirst {
 public:
  // All entries that stand, newest first; of the same second, the last place first.
  std::shared_ptr<const std::vector<Dated>> of(const std::string& customer, const BounceList& list, Zone zone);

 private:
  struct Sorted {
    std::uint64_t list = 0;  // its id
    std::uint64_t places = 0;
    std::uint64_t removed = 0;
    std::vector<Dated> entries;
  };
  static std::shared_ptr<const Sorted> brought_up(std::shared_ptr<const Sorted> last, const BounceList& list,
                                                  Zone zone);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Sorted>> lists_;
};

}  // namespace bounced::simulator
