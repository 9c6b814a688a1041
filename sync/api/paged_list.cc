// SPDX-License-Identifier: Apache-2.0
#include "sync/api/paged_list.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

namespace bounced::api {
namespace {

using Entries = std::vector<db::ListedBounce>;

// A slice costs a page that is not full. With fewer pages than this to come it is not cut.
constexpr double pages_worth_a_cut = 8;
// A slice is asked for with about so many entries of the one before it.
constexpr double entries_of_margin = 4;
// A second that shrinks by a page again and again while it is read; or one whose pages, by number, bring nothing.
constexpr int most_misses = 20;
constexpr std::size_t most_repeats = 4;  // beside those of a second that is read again
constexpr int most_rereads = 3;
// An entry may be dated that many seconds before it appears on the list.
constexpr std::int64_t most_late = 60;
// Each look at the beginning takes seconds. More of them than this, and the list changes faster than it can be read.
constexpr int most_rounds = 6;
// Addresses of one second, or that may come again, which are kept in memory.
constexpr std::size_t most_kept = 1'000'000;

// 0: none.
std::int64_t time_of(const db::ListedBounce& bounce) {
  const auto* instant = std::get_if<db::Instant>(&bounce.created);
  return instant == nullptr ? 0 : instant->time_since_epoch().count();
}

bool is_newest_first(const Entries& entries) {
  return std::ranges::is_sorted(entries, std::greater<>(), time_of);
}

std::set<std::string_view> emails_of(const Entries& entries) {
  std::set<std::string_view> emails;
  for (const auto& entry : entries) emails.insert(entry.email);
  return emails;
}

// A second is asked for from the one before: an API that leaves out the first one gives it all the same.
constexpr std::int64_t before(std::int64_t second) {
  return second - 1;
}

// Where the entries begin that were created in this second or before; they are sorted.
Entries::iterator from_second(Entries& entries, std::int64_t second) {
  return std::ranges::partition_point(entries, [second](const auto& entry) { return time_of(entry) > second; });
}

// Takes those out that have no time, which may stand anywhere.
Entries take_undated(Entries& entries) {
  const auto dated =
      std::stable_partition(entries.begin(), entries.end(), [](const auto& e) { return time_of(e) != 0; });
  Entries undated(std::make_move_iterator(dated), std::make_move_iterator(entries.end()));
  entries.erase(dated, entries.end());
  return undated;
}

}  // namespace

void PageCapacity::saw(std::size_t entries) {
  most_ = std::max(most_, std::min(entries, PagedList::page_size));
}

PagedList::PagedList(std::optional<std::int64_t> since, PageCapacity& capacity, std::optional<Oldest> known_oldest)
    : is_recent_(since.has_value()), capacity_(capacity), known_oldest_(known_oldest) {
  slices_.push_back({.start = since, .end = std::nullopt});
}

bool PagedList::all_slices_done() const {
  return std::ranges::all_of(slices_, [](const Slice& slice) { return slice.state == State::done; });
}

// Whether the beginning is to be read again, when all slices are done.
bool PagedList::looks_again() const {
  return pages_of_round_ > 1 && unproven_.empty();
}

void PagedList::doubt(std::string_view why) {
  if (unproven_.empty()) unproven_ = why;
}

std::optional<PagedList::Query> PagedList::next(bool one_more) {
  if (all_slices_done() && looks_again()) {
    pages_of_round_ = 0;
    slices_.push_back({.start = *look_again_from_, .end = std::nullopt});
    look_again_from_.reset();
    if (++rounds_ > most_rounds) doubt("addresses bounced again faster than the list could be read");
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
  if (slice->start) query.start = before(*slice->start) - slice->margin;
  if (slice->state == State::checking) query.end = *slice->end + 1;
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
                            slice.left >= pages_worth_a_cut * static_cast<double>(capacity_.most());
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
  Slice older{.start = slice.start, .end = middle, .margin = slice.margin};
  slice.start = middle + 1;
  slice.margin = static_cast<std::int64_t>(entries_of_margin / slice.per_second);
  slices_.push_back(std::move(older));  // `slice` is no more
}

std::vector<db::ListedBounce> PagedList::take(const Query& query, Page page) {
  ++pages_;
  ++pages_of_round_;
  if (!look_again_from_) {
    // Also where the clocks differ, or this page is an old one.
    look_again_from_ = page.moment - most_late;
    for (const db::ListedBounce& entry : page.entries) newest_ = std::max(newest_, time_of(entry));
    if (newest_ > 0) look_again_from_ = std::min(*look_again_from_, newest_ + 1);
  }
  Slice& slice = slices_.at(query.slice);
  slice.asked = false;
  const std::size_t size = page.entries.size() + page.left_out;
  const std::size_t size_before = std::exchange(slice.size, size);
  const bool has_room = capacity_.has_room_beside(size);
  const bool had_room_before = std::exchange(slice.had_room, has_room);
  const bool link_says_more =
      page.links.next.value_or(0) > query.offset || page.links.last.value_or(0) >= query.offset + size;
  capacity_.saw(size);
  std::size_t& most = most_.at(query.end ? 1 : 0);
  most = std::max(most, size);
  Entries undated = take_undated(page.entries);
  Entries& entries = page.entries;
  const bool is_sorted = is_newest_first(entries);
  // Of what is not sorted, nothing can be asked for that is older.
  const bool looks_on_to_be_sure = is_sorted && !is_surely_last(slice, page, size, query.end.has_value());
  slice.looks_on = has_room && size > 0 && (link_says_more || looks_on_to_be_sure);
  bool more = !has_room || slice.looks_on;
  for (const db::ListedBounce& entry : entries) {
    const std::int64_t time = time_of(entry);
    if ((query.start && time < *query.start) || (query.end && time > *query.end)) {
      throw NotUnderstood("the list has entries of other times than were asked for");
    }
  }
  if (more && !is_sorted) {
    throw NotUnderstood("the list is not sorted, newest first, so that it cannot be read in pages");
  }
  const std::optional<std::int64_t> first = slice.state == State::counting ? slice.end : slice.start;
  // It was asked for from a second before, or the slice was cut since.
  if (first && std::erase_if(entries, [&](const auto& entry) { return time_of(entry) < *first; }) > 0) more = false;
  brought_more_ = false;
  Entries held_before = had_room_before ? slice.held : Entries();
  Entries sure;
  if (slice.state == State::counting) {
    sure = count(slice, query, std::move(entries), more);
  } else if (slice.state == State::checking) {
    sure = check(slice, std::move(entries), more);
  } else {
    estimate(slice, entries, query, page.links);
    sure = walk(slice, std::move(entries), more);
  }
  // The page before was the last one: at its moment, there was no more, and what it had stood then. (Unless pages have
  // become that short in the midst of this read, and what was cut off has left meanwhile, or has bounced again.)
  if (had_room_before && !brought_more_ && size_before < std::max(most_[0], most_[1])) {
    --pages_of_round_;
    const auto given = emails_of(sure);
    std::erase_if(held_before, [&](const auto& entry) { return given.contains(entry.email); });
    sure.insert(sure.end(), held_before.begin(), held_before.end());
  }
  sure.insert(sure.end(), std::make_move_iterator(undated.begin()), std::make_move_iterator(undated.end()));
  drop_given_before(sure);
  given_ += sure.size();
  return sure;
}

// Of a page that has room: whether there is nothing behind it even if the server gives less at once than it did.
bool PagedList::is_surely_last(const Slice& slice, const Page& page, std::size_t size, bool has_end) const {
  if (size < 2 || is_recent_) return true;  // a recent list makes nothing gone
  // The newest second, which is read in these rounds, may get new entries all the time, so that no page shows its end.
  if (rounds_ > 1) return size < most_.at(has_end ? 1 : 0);
  if (slice.state != State::walking || slice.start || !known_oldest_) return false;
  const auto reached = std::ranges::count_if(
      page.entries, [&](const db::ListedBounce& entry) { return time_of(entry) <= known_oldest_->second; });
  return static_cast<std::size_t>(reached) >= known_oldest_->entries;
}

void PagedList::drop_given_before(Entries& entries) {
  std::erase_if(entries, [&](const db::ListedBounce& entry) {
    const std::int64_t time = time_of(entry);
    return (rounds_ > 1 || time == 0) && may_come_again_.contains({time, entry.email});
  });
  for (const db::ListedBounce& entry : entries) {
    const std::int64_t time = time_of(entry);
    if (time != 0 && (!oldest_ || time < oldest_->second)) oldest_ = {.second = time, .entries = 0};
    if (oldest_ && time == oldest_->second) ++oldest_->entries;
    if (time == 0 || time >= *look_again_from_) may_come_again_.emplace(time, entry.email);
  }
  if (may_come_again_.size() > most_kept) throw NotUnderstood("too many entries have no time, or one in the future");
}

// How much is still to come. Where the API does not say, as much again as there was is a good guess: what is read in
// vain by it stays in proportion.
void PagedList::estimate(Slice& slice, const Entries& entries, const Query& query, const PageLinks& links) const {
  if (entries.empty()) return;
  const std::int64_t oldest = time_of(entries.back());
  const auto count = static_cast<double>(entries.size());
  slice.per_second = count / static_cast<double>(std::max<std::int64_t>(1, time_of(entries.front()) - oldest));
  const auto seconds = static_cast<double>(std::max<std::int64_t>(0, oldest - slice.start.value_or(0)));
  slice.left = slice.per_second * seconds;
  double left = static_cast<double>(given_);
  if (links.last) {
    left = std::max(0.0, static_cast<double>(*links.last) - count);
    // That counts the slice as it was when it was asked for.
    const bool cut_since = slice.start && query.start != before(*slice.start) - slice.margin;
    if (cut_since) left /= 2;
  }
  slice.left = std::min(slice.left, left);
}

std::vector<db::ListedBounce> PagedList::walk(Slice& slice, Entries entries, bool more) {
  if (slice.held.empty()) {
    brought_more_ = !entries.empty();
    return go_on(slice, std::move(entries), more);
  }
  const auto held = emails_of(slice.held);
  const auto is_held = [&](const auto& entry) { return time_of(entry) == *slice.end && held.contains(entry.email); };
  if (std::ranges::none_of(entries, is_held)) {
    slice.state = State::checking;
    return {};
  }
  pages_met_ = true;
  if (slice.start) ranges_met_ = true;
  brought_more_ = !std::ranges::all_of(entries, is_held);
  return go_on(slice, std::move(entries), more);
}

// Gives what is sure of a page that follows the one before without a gap, and sees where to go on.
std::vector<db::ListedBounce> PagedList::go_on(Slice& slice, Entries entries, bool more) {
  slice.held.clear();
  if (!more || entries.empty()) {
    if (more) doubt("a page has no entry with a time, so that it does not show where to go on");
    slice.state = State::done;
    return entries;
  }
  const std::int64_t last = time_of(entries.back());
  if (slice.end == last) {
    slice.state = State::counting;
    slice.offset = entries.size() - 1;
    slice.last.clear();
    slice.seen.clear();
    for (const auto& entry : entries) {
      slice.last.push_back(entry.email);
      slice.seen.insert(entry.email);
    }
    slice.misses = slice.repeats = slice.rereads = 0;

    return entries;
  }
  // The next page has this second whole.
  const auto cut_second = from_second(entries, last);
  slice.end = last;
  slice.held.assign(std::make_move_iterator(cut_second), std::make_move_iterator(entries.end()));
  entries.erase(cut_second, entries.end());
  return entries;
}

// Two pages did not meet in a second: this is a page that ends one later. Either the entries of that second are gone,
// or the API leaves the end out of what it was asked for, and all pages so far may lack some.
std::vector<db::ListedBounce> PagedList::check(Slice& slice, Entries entries, bool more) {
  const std::int64_t second = *slice.end;
  slice.state = State::walking;
  const auto held = emails_of(slice.held);
  const bool stands = std::ranges::any_of(
      entries, [&](const auto& entry) { return time_of(entry) == second && held.contains(entry.email); });
  slice.held.clear();
  // Nothing shows that it answers ranges with a beginning and an end at all.
  if (entries.empty() && slice.start && !ranges_met_) doubt("the API gives nothing between two times");
  if (stands) doubt("the API leaves out the last second of the time that it is asked for");
  // What is newer was given before.
  std::erase_if(entries, [&](const auto& entry) { return time_of(entry) > second; });
  if (entries.empty() && more) {
    doubt("two pages do not meet, in the midst of a second with too many entries to see why");
    return {};
  }
  brought_more_ = true;
  return go_on(slice, std::move(entries), more);
}

// A page of a second by number. It must have an entry of the page before; what stands behind that is new.
std::vector<db::ListedBounce> PagedList::count(Slice& slice, const Query& query, Entries entries, bool more) {
  const std::size_t size = entries.size();
  if (entries.empty() && query.offset == 0) doubt("a second with many entries is given as an empty one");
  std::map<std::string_view, std::size_t> places;  // on the page before
  for (std::size_t i = 0; i < slice.last.size(); ++i) places.emplace(slice.last[i], i);
  std::size_t last_place = 0;
  bool met = false;
  for (const auto& entry : entries) {
    const auto found = places.find(entry.email);
    if (found == places.end()) continue;
    const std::size_t place = found->second;
    if (met && place < last_place) doubt("entries of the same second come in another order each time");
    last_place = std::max(last_place, place);
    met = true;
  }
  if (!met && query.offset > 0) {
    if (++slice.misses <= most_misses) {
      const std::uint64_t back = std::max<std::size_t>(slice.last.size(), 2) - 1;
      slice.offset = query.offset > back ? query.offset - back : 0;
      return {};
    }
    doubt("the entries of one second changed too fast to be read");
    end_second(slice);
    return entries;
  }
  if (met) slice.misses = 0;
  slice.last.clear();
  for (const auto& entry : entries) slice.last.push_back(entry.email);
  const std::uint64_t there = query.offset + entries.size();  // in that second, if this is its end
  slice.offset = query.offset + std::max<std::size_t>(entries.size(), 1) - 1;
  std::erase_if(entries, [&](const auto& entry) { return !slice.seen.insert(entry.email).second; });
  if (slice.seen.size() > most_kept) throw NotUnderstood("too many entries are of the same second");
  if (entries.empty()) {
    // It may repeat the page before because as many have come in front of it, or because the second is read again. A
    // page of a single entry has nothing behind it, whatever the server says.
    if (size < 2) more = false;
    const std::size_t step = std::max<std::size_t>(slice.last.size(), 2) - 1;
    if (more && static_cast<std::size_t>(++slice.repeats) > most_repeats + slice.seen.size() / step) {
      doubt("pages of a second with many entries bring nothing that is new, and do not end");
      more = false;
    }
  } else {
    slice.repeats = 0;
    brought_more_ = true;
  }
  if (more) return entries;
  if (slice.seen.size() >= there) {
    end_second(slice);
  } else if (++slice.rereads <= most_rereads) {
    // Some have come in front of where the pages were: from the beginning once more.
    slice.offset = 0;
    slice.last.clear();
  } else {
    doubt("a second has more entries than its pages showed");
    end_second(slice);
  }
  return entries;
}

// Goes on with the second before.
void PagedList::end_second(Slice& slice) {
  slice.state = State::walking;
  slice.looks_on = false;  // of that second
  slice.last.clear();
  slice.seen.clear();
  slice.end = *slice.end - 1;
  if (*slice.end < slice.start.value_or(1)) slice.state = State::done;
}

}  // namespace bounced::api
