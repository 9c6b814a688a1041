// SPDX-License-Identifier: Apache-2.0
#include "sync/api/paged_list.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace bounced::api {
namespace {

using Entries = std::vector<db::ListedBounce>;

// A slice costs a page that is not full. With fewer pages than this to come it is not cut.
constexpr double pages_worth_a_cut = 8;
// A read of fewer pages is a matter of seconds.
constexpr std::size_t pages_of_a_long_read = 10;
// A second that shrinks by a page again and again while it is read.
constexpr int most_misses = 20;

// 0: none. What has none stands last, as if it were the oldest.
std::int64_t time_of(const db::ListedBounce& bounce) {
  const auto* instant = std::get_if<db::Instant>(&bounce.created);
  return instant == nullptr ? 0 : instant->time_since_epoch().count();
}

bool is_newest_first(const Entries& entries) {
  return std::ranges::is_sorted(entries, std::greater<>(), time_of);
}

std::vector<std::string> addresses(Entries::const_iterator from, Entries::const_iterator to) {
  std::vector<std::string> emails;
  for (; from != to; ++from) emails.push_back(from->email);
  return emails;
}

bool has(const std::vector<std::string>& emails, const std::string& email) {
  return std::ranges::find(emails, email) != emails.end();
}

// A second is asked for from the one before: an API that leaves out the first one gives it all the same.
constexpr std::int64_t before(std::int64_t second) {
  return second - 1;
}

// Where the entries begin that were created in this second or before; they are sorted.
Entries::iterator from_second(Entries& entries, std::int64_t second) {
  return std::ranges::partition_point(entries, [second](const auto& entry) { return time_of(entry) > second; });
}

}  // namespace

PagedList::PagedList(std::optional<std::int64_t> since, std::size_t full_page) : full_page_(full_page) {
  slices_.push_back({.start = since, .end = std::nullopt});
}

bool PagedList::done() const {
  return std::ranges::all_of(slices_, [](const Slice& slice) { return slice.state == State::done; }) &&
         (looked_again_ || !newest_ || pages_ < pages_of_a_long_read);
}

void PagedList::doubt(std::string_view why) {
  if (unproven_.empty()) unproven_ = why;
}

std::optional<PagedList::Query> PagedList::next(bool one_more) {
  const bool read = std::ranges::all_of(slices_, [](const Slice& slice) { return slice.state == State::done; });
  if (read && !done()) {
    // An address that bounced again meanwhile has a new time: it may have left the end of the list before we came
    // there, for the beginning, where we had been.
    looked_again_ = true;
    slices_.push_back({.start = *newest_ + 1, .end = std::nullopt});
  }
  auto slice = std::ranges::find_if(slices_, [](const Slice& s) { return !s.asked && s.state != State::done; });
  if (slice == slices_.end() && one_more) {
    if (Slice* to_cut = slice_to_cut()) {
      cut(*to_cut);
      slice = slices_.end() - 1;
    }
  }
  if (slice == slices_.end()) return std::nullopt;
  slice->asked = true;
  Query query{.slice = static_cast<std::size_t>(slice - slices_.begin()), .end = slice->end};
  if (slice->start) query.start = before(*slice->start);
  if (slice->state == State::checking) query.end = *slice->end + 1;
  if (slice->state == State::confirming) query.offset = slice->unsure.size();
  if (slice->state == State::counting) {
    query.start = before(*slice->end);
    query.offset = slice->offset;
  }
  return query;
}

// The one with most to come, of those that walk.
PagedList::Slice* PagedList::slice_to_cut() {
  Slice* most = nullptr;
  for (Slice& slice : slices_) {
    const bool can_be_cut = slice.state == State::walking && pages_met_ && slice.end && slice.per_second > 0 &&
                            slice.start.value_or(0) < *slice.end - 1 &&
                            slice.left >= pages_worth_a_cut * static_cast<double>(full_page_);
    if (can_be_cut && (most == nullptr || slice.left > most->left)) most = &slice;
  }
  return most;
}

// The older half becomes a slice of its own. What is being asked for may still bring some of that, which is dropped.
void PagedList::cut(Slice& slice) {
  const std::int64_t oldest = slice.start.value_or(0);
  const std::int64_t newest = *slice.end - 1;
  const double seconds = std::min(slice.left / 2 / slice.per_second, static_cast<double>(newest - oldest));
  const std::int64_t middle = newest - static_cast<std::int64_t>(seconds);
  slice.left /= 2;
  Slice older{.start = slice.start, .end = middle};
  slice.start = middle + 1;
  slices_.push_back(std::move(older));  // `slice` is no more
}

PagedList::More PagedList::more_after(const Query& query, const Page& page) const {
  const std::size_t count = page.entries.size() + page.left_out;
  if (count == 0) return More::no;
  if (count >= full_page_) return More::yes;
  if (!page.last_offset) return More::unknown;
  return *page.last_offset >= query.offset + count ? More::yes : More::no;
}

std::vector<db::ListedBounce> PagedList::take(const Query& query, Page page) {
  ++pages_;
  Slice& slice = slices_.at(query.slice);
  slice.asked = false;
  for (const db::ListedBounce& entry : page.entries) {
    const std::int64_t time = time_of(entry);
    if (time == 0) continue;
    if ((query.start && time < *query.start) || (query.end && time > *query.end)) {
      throw NotUnderstood("the list has entries of other times than were asked for");
    }
    if (!query.end) newest_ = std::max(newest_.value_or(time), time);
  }
  More more = more_after(query, page);
  if (more != More::no && !is_newest_first(page.entries)) {
    throw NotUnderstood("the list is not sorted, newest first, so that it cannot be read in pages");
  }
  const std::optional<std::int64_t> first = slice.state == State::counting ? slice.end : slice.start;
  // It was asked for from a second before, or the slice was cut since.
  if (first && std::erase_if(page.entries, [&](const auto& entry) { return time_of(entry) < *first; }) > 0) {
    more = More::no;
  }
  if (slice.state == State::counting) return count(slice, query, std::move(page), more);
  if (slice.state == State::confirming) {
    slice.state = State::walking;
    // Only the first page is of use: the two may not fit together.
    return go_on(slice, std::exchange(slice.unsure, {}), more != More::no);
  }
  if (slice.state == State::checking) return check(slice, std::move(page.entries), more != More::no);
  if (more == More::unknown && !slice.end) {
    slice.state = State::confirming;
    slice.unsure = std::move(page.entries);
    return {};
  }
  estimate(slice, page.entries, query, page.last_offset);
  return walk(slice, std::move(page.entries), more != More::no);
}

void PagedList::estimate(Slice& slice, const Entries& entries, const Query& query,
                         std::optional<std::uint64_t> last_offset) const {
  if (entries.empty()) return;
  const std::int64_t oldest = time_of(entries.back());
  const auto count = static_cast<double>(entries.size());
  slice.per_second = count / static_cast<double>(std::max<std::int64_t>(1, time_of(entries.front()) - oldest));
  const auto seconds = static_cast<double>(std::max<std::int64_t>(0, oldest - slice.start.value_or(0)));
  slice.left = slice.per_second * seconds;
  if (!last_offset) return;
  double left = std::max(0.0, static_cast<double>(*last_offset) - count);
  // That counts the slice as it was when it was asked for.
  const bool cut_since = slice.start && query.start != before(*slice.start);
  if (cut_since) left /= 2;
  slice.left = std::min(slice.left, left);
}

std::vector<db::ListedBounce> PagedList::walk(Slice& slice, Entries entries, bool more) {
  if (!slice.held.empty()) {
    const bool met = std::ranges::any_of(
        entries, [&](const auto& entry) { return time_of(entry) == *slice.end && has(slice.held, entry.email); });
    if (!met) {
      slice.state = State::checking;
      return {};
    }
    pages_met_ = true;
  }
  return go_on(slice, std::move(entries), more);
}

// Gives what is sure of a page that follows the one before without a gap, and sees where to go on.
std::vector<db::ListedBounce> PagedList::go_on(Slice& slice, Entries entries, bool more) {
  slice.held.clear();
  if (!more || entries.empty()) {
    if (more) doubt("a page has no entry that can be given, so that it does not show where to go on");
    slice.state = State::done;
    return entries;
  }
  const std::int64_t last = time_of(entries.back());
  if (last == 0) {
    doubt("so many entries have no time that they fill a page, behind which nothing can be read");
    slice.state = State::done;
    return entries;
  }
  if (slice.end == last) {
    slice.state = State::counting;
    slice.offset = entries.size() - 1;
    slice.given = entries.size();
    slice.last = addresses(entries.begin(), entries.end());
    slice.misses = 0;
    return entries;
  }
  // The next page has this second whole.
  const auto cut_second = from_second(entries, last);
  slice.end = last;
  slice.held = addresses(cut_second, entries.end());
  entries.erase(cut_second, entries.end());
  return entries;
}

// Two pages did not meet in a second: this is a page that ends one later. Either the entries of that second are gone,
// or the API leaves the end out of what it was asked for, and all pages so far may lack some.
std::vector<db::ListedBounce> PagedList::check(Slice& slice, Entries entries, bool more) {
  const std::int64_t second = *slice.end;
  slice.state = State::walking;
  const bool stands = std::ranges::any_of(
      entries, [&](const auto& entry) { return time_of(entry) == second && has(slice.held, entry.email); });
  slice.held.clear();
  if (stands) doubt("the API leaves out the last second of the time that it is asked for");
  // What is newer was given before.
  std::erase_if(entries, [&](const auto& entry) { return time_of(entry) > second; });
  if (entries.empty() && more) {
    doubt("two pages do not meet, in the midst of a second with too many entries to see why");
    return {};
  }
  return go_on(slice, std::move(entries), more);
}

// A page of a second by number. It must have an entry of the page before; what stands behind the last such one is new.
std::vector<db::ListedBounce> PagedList::count(Slice& slice, const Query& query, Page page, More more) {
  Entries& entries = page.entries;
  std::size_t first_new = 0;
  std::size_t last_place = 0;
  bool met = false;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto found = std::ranges::find(slice.last, entries[i].email);
    if (found == slice.last.end()) continue;
    const auto place = static_cast<std::size_t>(found - slice.last.begin());
    if (met && place < last_place) doubt("entries of the same second come in another order each time");
    last_place = std::max(last_place, place);
    first_new = i + 1;
    met = true;
  }
  if (!met && query.offset > 0) {
    if (++slice.misses <= most_misses) {
      const std::uint64_t back = full_page_ - 1;
      slice.offset = query.offset > back ? query.offset - back : 0;
      return {};
    }
    doubt("the entries of one second changed too fast to be read");
  }
  slice.misses = 0;
  if (!entries.empty()) slice.last = addresses(entries.begin(), entries.end());
  const std::uint64_t there = query.offset + entries.size();  // in that second, if this is its end
  slice.offset = query.offset + std::max<std::size_t>(entries.size(), 1) - 1;
  entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(first_new));
  const bool ends = more == More::no || (more == More::unknown && entries.empty());
  slice.given += entries.size();
  if (ends && slice.given < there) doubt("a second has more entries than its pages showed");
  if (ends) end_second(slice);
  return std::move(entries);
}

// Goes on with the second before.
void PagedList::end_second(Slice& slice) {
  slice.state = State::walking;
  slice.last.clear();
  slice.end = *slice.end - 1;
  if (*slice.end < slice.start.value_or(1)) slice.state = State::done;
}

}  // namespace bounced::api
