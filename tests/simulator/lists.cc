// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/lists.h"

#include <atomic>

namespace bounced::simulator {

std::uint64_t BounceList::next_id() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

std::uint64_t BounceList::remove(std::string_view email) {
  std::uint64_t count = 0;
  for (const std::uint64_t place : generated_.places_of(email)) count += remove_at(place);
  for (std::size_t i = 0; i < added_.size(); ++i) {
    if (added_[i].email == email) count += remove_at(generated_.count() + i);
  }
  return count;
}

std::uint64_t BounceList::remove_some(std::uint64_t count) {
  std::uint64_t removed = 0;
  for (; first_left_ < places() && removed < count; ++first_left_) removed += remove_at(first_left_);
  return removed;
}

bool BounceList::remove_at(std::uint64_t place) {
  return place < places() && removed_.insert(place).second;
}

bool BounceList::change_reason(std::uint64_t place, std::string reason) {
  if (!stands(place)) return false;
  reasons_.insert_or_assign(place, std::move(reason));
  return true;
}

bool BounceList::write(std::uint64_t place, Text into, Bounce& out) const {
  if (!stands(place)) return false;
  if (place < generated_.count()) {
    generated_.write(place, into, out);
  } else {
    out = added_[place - generated_.count()];
    for (auto* field : {&out.email, &out.status, &out.reason, &out.created}) {
      if (*field && into != Text::plain) *field = escaped(**field, into);
    }
  }
  if (reasons_.empty()) return true;
  if (const auto changed = reasons_.find(place); changed != reasons_.end()) {
    out.reason = escaped(changed->second, into);
  }
  return true;
}

Lists::Snapshot::~Snapshot() {
  const std::lock_guard lock(lists_.mutex_);
  list_.reset();
}

void Lists::forget(const std::string& customer) {
  const std::lock_guard lock(mutex_);
  lists_.erase(customer);
}

std::vector<std::string> Lists::customers() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, list] : lists_) names.push_back(name);
  return names;
}

std::shared_ptr<const Lists::Snapshot> Lists::snapshot(const std::string& customer) const {
  const std::lock_guard lock(mutex_);
  const auto found = lists_.find(customer);
  if (found == lists_.end()) return nullptr;
  return std::make_shared<const Snapshot>(*this, found->second);
}

}  // namespace bounced::simulator
