// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "db/listed_bounce.h"

namespace bounced::api {

// Reads a list that the API gives in pages, newest first, while it changes: plain logic, which is told to ask nobody.
//
// Numbered pages of a list that changes shift, and what stood on it all the time may be on none of them. So pages are
// asked for by time: a page that is full is followed by one that ends with the second of its last entry. A page is of
// one moment, so what stood all the time is on one page or the other, whatever has come or gone in between. Two pages
// meet in that second: where they do not, it is found out whether its entries have gone or the API leaves the end of a
// time out. Only a second with more entries than a page has must be read by number: its pages overlap by one entry, and
// where they do not meet, it is gone back until they do.
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
    // Where the last page begins, as far as the API says so: one that gives fewer entries than it was asked for shows
    // by that that there are more.
    std::optional<std::uint64_t> last_offset = std::nullopt;
  };
  // The pages are none of a list that is as we know it.
  class NotUnderstood : public std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  // Reads what was created since then, or everything.
  explicit PagedList(std::optional<std::int64_t> since, std::size_t full_page = page_size);

  // What to ask now, if anything: each must be answered by take(). With `one_more`, a slice is cut in two for it, where
  // there is enough to read.
  std::optional<Query> next(bool one_more);

  // Takes the answer; gives what of it is of the list and was not given before, as it came. Throws NotUnderstood.
  std::vector<db::ListedBounce> take(const Query& query, Page page);

  [[nodiscard]] bool done() const;
  // Why what was given may lack entries that stood on the list all the time; empty: it does not.
  [[nodiscard]] const std::string& unproven() const { return unproven_; }

 private:
  enum class State {
    walking,     // from page to page
    confirming,  // whether a page that is not full was the last one: the API says nothing of it
    checking,    // why two pages did not meet
    counting,    // through a second with more entries than a page has, by number
    done,
  };
  struct Slice {
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> end;
    State state = State::walking;
    bool asked = false;
    std::vector<std::string> held = {};         // addresses of the second `end` on the page before
    std::vector<db::ListedBounce> unsure = {};  // confirming: the page
    std::uint64_t offset = 0;                   // counting
    std::uint64_t given = 0;                    // counting: entries of that second
    std::vector<std::string> last = {};         // counting: the addresses of the page before
    int misses = 0;                             // counting: pages in a row that did not meet it
    double left = 0;                            // entries still to come, about; 0: not known
    double per_second = 0;                      // about
  };
  using Entries = std::vector<db::ListedBounce>;
  enum class More { no, yes, unknown };

  [[nodiscard]] More more_after(const Query& query, const Page& page) const;
  Entries walk(Slice& slice, Entries entries, bool more);
  Entries go_on(Slice& slice, Entries entries, bool more);
  Entries check(Slice& slice, Entries entries, bool more);
  Entries count(Slice& slice, const Query& query, Page page, More more);
  void end_second(Slice& slice);
  void estimate(Slice& slice, const Entries& entries, const Query& query,
                std::optional<std::uint64_t> last_offset) const;
  Slice* slice_to_cut();
  void cut(Slice& slice);
  void doubt(std::string_view why);

  std::size_t full_page_;
  std::vector<Slice> slices_;
  std::optional<std::int64_t> newest_;
  std::size_t pages_ = 0;
  bool pages_met_ = false;  // the API does give the last second that it is asked for
  bool looked_again_ = false;
  std::string unproven_;
};

}  // namespace bounced::api
