// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/listed_bounce.h"
#include "sync/api/parse/paging.h"

namespace bounced::api {

// How many entries the server puts into a page, as far as that was seen. It may give fewer than it is asked for. One
// for all lists of an account.
class PageCapacity {
 public:
  // Whether a page with so many entries is the last one of what was asked for, since the server was seen to give more.
  // A single entry shows that there are no two.
  [[nodiscard]] bool has_room_beside(std::size_t entries) const { return entries < 2 || entries < most_; }
  [[nodiscard]] std::size_t most() const { return most_; }
  void saw(std::size_t entries);

 private:
  std::size_t most_ = 0;
};

// Reads a list that the API gives in pages, newest first, while it changes. Pure logic, no I/O.
//
// Numbered pages of a list that changes shift, and what stood on it all the time may be on none of them. So pages are
// asked for by time: a page that may be followed by more is followed by one that ends with the second of its last
// entry. A page is of one moment, so what stood all the time is on one page or the other, whatever has come or gone in
// between. Two pages meet in that second: where they do not, it is found out whether its entries have gone or the API
// leaves the end of a time out. Only a second with more entries than a page has must be read by number: its pages
// overlap by one entry, and where they do not meet, it is gone back until they do.
//
// A page is the last one if the server was seen to give more entries at once (PageCapacity), does not itself say that
// there are more, and reaches the oldest entry that the list had before; else if the next one brings nothing that is
// new. So a server that gives less at once than it did is found out before anything older is missed. What the server
// says of its pages is never taken as proof that there are no more. (The looks at the beginning, see below, rely on
// what the server gave at once in this very read.)
//
// An address that bounces again while the list is read leaves its place for the beginning. So after a read of more than
// one page, the beginning is read again, from a little before the read began, until that is a single page.
//
// Entries without a time are in no range of time, so that only a read of one page can show that one has gone: see
// is_one_page().
//
// Long lists are read in several slices of time at once, which are cut where there is most to read.
class PagedList {
 public:
  static constexpr std::size_t page_size = 500;  // the most that SendGrid gives

  struct Query {
    std::size_t slice = 0;
    std::optional<std::int64_t> start = std::nullopt;  // unix seconds, the first and the last that are asked for
    std::optional<std::int64_t> end = std::nullopt;
    std::uint64_t offset = 0;
  };
  struct Page {
    std::vector<db::ListedBounce> entries;
    std::size_t left_out = 0;  // entries besides, which cannot be given: without an email, for instance
    PageLinks links = {};
    std::int64_t moment = 0;  // when it was made, by the server's clock; unix seconds
  };
  // The oldest second of a list, unix seconds, and how many entries it has.
  struct Oldest {
    std::int64_t second = 0;
    std::size_t entries = 0;
  };
  // The pages are none of a list that is as we know it.
  class NotUnderstood : public std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  // Reads what was created since then, or everything. `known_oldest` is what oldest() was after the last whole read of
  // the list, if that is known. `capacity` must outlive it.
  PagedList(std::optional<std::int64_t> since, PageCapacity& capacity,
            std::optional<Oldest> known_oldest = std::nullopt);

  // What to ask now, if anything: each must be answered by take(). With `one_more`, a slice is cut in two for it, where
  // there is enough to read.
  std::optional<Query> next(bool one_more);

  // Takes the answer; gives what of it is of the list, as it came. An entry may be given twice. Throws NotUnderstood.
  std::vector<db::ListedBounce> take(const Query& query, Page page);

  [[nodiscard]] bool done() const { return all_slices_done() && !looks_again(); }
  // Why what was given may lack entries that stood on the list all the time; empty: it does not.
  [[nodiscard]] const std::string& unproven() const { return unproven_; }
  // Whether the list was a single page. Else entries that have no time may be missing, proven or not.
  [[nodiscard]] bool is_one_page() const { return pages_ <= 1; }
  // Of what was given; none: no entry has a time.
  [[nodiscard]] std::optional<Oldest> oldest() const { return oldest_; }

 private:
  using Entries = std::vector<db::ListedBounce>;
  enum class State {
    walking,   // from page to page
    checking,  // why two pages did not meet
    counting,  // through a second with more entries than a page has, by number
    done,
  };
  struct Slice {
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> end;
    std::int64_t margin = 0;  // seconds before the start that are asked for, so that an entry of these shows the end
    State state = State::walking;
    bool asked = false;
    Entries held = {};                   // of the second `end`, on the page before
    std::size_t size = 0;                // of the page before
    bool had_room = false;               // that page
    bool looks_on = false;               // it had, but there may be more
    std::uint64_t offset = 0;            // counting
    std::set<std::string> seen = {};     // counting: addresses of that second
    std::vector<std::string> last = {};  // counting: the addresses of the page before
    int misses = 0;                      // counting: pages in a row that did not meet it
    int repeats = 0;                     // counting: pages in a row that brought nothing
    int rereads = 0;                     // counting: times that it began anew
    double left = 0;                     // entries still to come, about; 0: not known
    double per_second = 0;               // about
  };

  [[nodiscard]] bool all_slices_done() const;
  [[nodiscard]] bool looks_again() const;
  Entries walk(Slice& slice, Entries entries, bool more);
  Entries go_on(Slice& slice, Entries entries, bool more);
  Entries check(Slice& slice, Entries entries, bool more);
  Entries count(Slice& slice, const Query& query, Entries entries, bool more);
  void end_second(Slice& slice);
  [[nodiscard]] bool is_surely_last(const Slice& slice, const Page& page, std::size_t size, bool has_end) const;
  void estimate(Slice& slice, const Entries& entries, const Query& query, const PageLinks& links) const;
  Slice* slice_to_cut();
  void cut(Slice& slice);
  void doubt(std::string_view why);
  void drop_given_before(Entries& entries);

  bool is_recent_;
  PageCapacity& capacity_;
  std::optional<Oldest> known_oldest_;
  std::optional<Oldest> oldest_ = std::nullopt;
  std::vector<Slice> slices_;
  std::uint64_t given_ = 0;
  bool pages_met_ = false;   // the API does give the last second that it is asked for
  bool ranges_met_ = false;  // also where it is asked for a first one
  std::int64_t newest_ = 0;  // that was given first in some round
  int rounds_ = 1;           // reads of the list, and of its beginning again
  std::size_t pages_ = 0;
  std::array<std::size_t, 2> most_{};            // entries of a page, of those without an end and of those with one
  std::size_t pages_of_round_ = 0;               // without those that showed that the one before was the last
  bool brought_more_ = false;                    // the last page: something that was not on the one before
  std::optional<std::int64_t> look_again_from_;  // once the first page of this round has come
  // Given entries, by time and address, that the next round may bring again, and those without a time.
  std::set<std::pair<std::int64_t, std::string>> may_come_again_;
  std::string unproven_;
};

}  // namespace bounced::api
