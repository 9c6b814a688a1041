// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/simulator/generated.h"
#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// One customer's list: generated bounces, then added ones, and what was removed and changed since.
class BounceList {
 public:
  BounceList() = default;
  explicit BounceList(Style how) : style(how) {}

  Style style;

  void generate(Generated generated) { generated_ = generated; }  // for an empty list
  void add(Bounce bounce) { added_.push_back(std::move(bounce)); }
  std::uint64_t remove(std::string_view email);
  std::uint64_t remove_some(std::uint64_t count);
  bool remove_at(std::uint64_t place);
  bool change_reason(std::uint64_t place, std::string reason);

  // Another one for every list that is made; a copy has the same.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::uint64_t places() const { return generated_.count() + added_.size(); }
  [[nodiscard]] std::uint64_t size() const { return places() - removed_.size(); }
  [[nodiscard]] bool stands(std::uint64_t place) const {
    return place < places() && (removed_.empty() || !removed_.contains(place));
  }
  // Writes the bounce at this place, escaped, over `out`; false if there is none any more.
  bool write(std::uint64_t place, Text into, Bounce& out) const;

 private:
  static std::uint64_t next_id();

  std::uint64_t id_ = next_id();
  Generated generated_;
  std::vector<Bounce> added_;
  std::unordered_set<std::uint64_t> removed_;
  std::unordered_map<std::uint64_t, std::string> reasons_;
  std::uint64_t first_left_ = 0;  // every place before this one is removed
};

// The lists of all customers.
class Lists {
 public:
  // A list as it is now, whatever becomes of it afterwards.
  class Snapshot {
   public:
    Snapshot(const Lists& lists, std::shared_ptr<const BounceList> list) : lists_(lists), list_(std::move(list)) {}
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    // Under the lock, so that a list that nobody reads any more is known to be so, and is changed in place.
    ~Snapshot();
    const BounceList& operator*() const { return *list_; }
    const BounceList* operator->() const { return list_.get(); }

   private:
    const Lists& lists_;
    std::shared_ptr<const BounceList> list_;
  };

  // Changes a customer's list, which is made if there is none, by f(BounceList&).
  template <class F>
  auto change(const std::string& customer, F f) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<BounceList>& list = lists_[customer];
    if (!list) list = std::make_shared<BounceList>();
    if (list.use_count() > 1) list = std::make_shared<BounceList>(*list);
    return f(*list);
  }
  void forget(const std::string& customer);
  [[nodiscard]] std::vector<std::string> customers() const;
  // Null if the customer does not exist.
  [[nodiscard]] std::shared_ptr<const Snapshot> snapshot(const std::string& customer) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<BounceList>> lists_;
};

}  // namespace bounced::simulator
