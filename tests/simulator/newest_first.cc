// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/newest_first.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

namespace bounced::simulator {
namespace {

std::int64_t created_of(const Bounce& bounce, Zone zone) {
  if (!bounce.created) return Dated::never;
  return std::max<std::int64_t>(unix_time(*bounce.created, zone).value_or(0), 0);
}

}  // namespace

std::shared_ptr<const NewestFirst::Sorted> NewestFirst::brought_up(std::shared_ptr<const Sorted> last,
                                                                   const BounceList& list, Zone zone) {
  // Places and removals only become more in the life of a list: it is newer if neither is less.
  const std::uint64_t removed = list.places() - list.size();
  if (!last || last->list != list.id() || last->places > list.places() || last->removed > removed) {
    last = std::make_shared<Sorted>();
  } else if (last->places == list.places() && last->removed == removed) {
    return last;
  }
  Sorted now{list.id(), list.places(), removed, {}};
  now.entries.reserve(list.size());
  std::ranges::copy_if(last->entries, std::back_inserter(now.entries),
                       [&](const Dated& entry) { return list.stands(entry.place); });
  const auto old = static_cast<std::ptrdiff_t>(now.entries.size());
  Bounce bounce;
  for (std::uint64_t place = last->places; place < list.places(); ++place) {
    if (list.write(place, Text::plain, bounce)) now.entries.push_back({created_of(bounce, zone), place});
  }
  const auto added = now.entries.begin() + old;
  std::sort(added, now.entries.end(), std::greater<>());
  std::inplace_merge(now.entries.begin(), added, now.entries.end(), std::greater<>());
  return std::make_shared<const Sorted>(std::move(now));
}

std::shared_ptr<const std::vector<Dated>> NewestFirst::of(const std::string& customer, const BounceList& list,
                                                          Zone zone) {
  std::unique_lock lock(mutex_);
  std::shared_ptr<const Sorted> last = lists_[customer];
  lock.unlock();  // sorting may take its time
  auto now = brought_up(std::move(last), list, zone);
  lock.lock();
  lists_[customer] = now;
  return {now, &now->entries};
}

}  // namespace bounced::simulator
