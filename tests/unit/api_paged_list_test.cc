// SPDX-License-Identifier: Apache-2.0
// Lists that change while they are read in pages: what is reported whole was whole.
#include "sync/api/paged_list.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>

namespace bounced::api {
namespace {

using Query = PagedList::Query;
using Page = PagedList::Page;

struct Entry {
  std::int64_t time;
  std::string email;
  auto operator<=>(const Entry&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 is wrong here
};

// What the server says of its pages in the Link header.
enum class Link { none, next, full, wrong, always };
constexpr std::array links{Link::none, Link::next, Link::full, Link::wrong, Link::always};

// A list as the API keeps it, and how it gives pages of it. Newest first; of one second in an order that stays.
class Server {
 public:
  std::set<Entry, std::greater<>> entries;
  std::size_t cap = 20;                             // entries in a page, however many are asked for
  std::function<std::size_t(const Query&)> cap_of;  // another one for each request
  Link link = Link::full;
  bool leaves_out_end = false;
  bool leaves_out_start = false;
  bool ignores_offset = false;
  bool gives_undated_always = false;
  std::function<void(std::vector<Entry>&)> disorder = [](auto&) {};
  std::int64_t now = 100'000'000;
  int requests = 0;
  PageCapacity capacity;
  std::optional<PagedList::Oldest> known_oldest;  // by the last read

  Page answer(const Query& query) {
    ++requests;
    std::vector<Entry> asked;
    for (const Entry& entry : entries) {
      if (entry.time == 0) {
        if (gives_undated_always || (!query.start && !query.end)) asked.push_back(entry);
        continue;
      }
      const bool too_old = query.start && (leaves_out_start ? entry.time <= *query.start : entry.time < *query.start);
      const bool too_new = query.end && (leaves_out_end ? entry.time >= *query.end : entry.time > *query.end);
      if (!too_old && !too_new) asked.push_back(entry);
    }
    disorder(asked);
    Page page;
    const std::size_t from = ignores_offset ? 0 : std::min(asked.size(), static_cast<std::size_t>(query.offset));
    page.entries.resize(std::min(cap_of ? cap_of(query) : cap, asked.size() - from));
    for (std::size_t i = 0; i < page.entries.size(); ++i) {
      const Entry& entry = asked[from + i];
      page.entries[i].email = entry.email;
      if (entry.time != 0) page.entries[i].created.emplace<db::Instant>(db::Instant(std::chrono::seconds(entry.time)));
    }
    const auto last_by = [&](std::size_t size) { return asked.empty() ? 0 : (asked.size() - 1) / size * size; };
    const bool more = from + page.entries.size() < asked.size();
    if (link == Link::always || ((link == Link::next || link == Link::full) && more))
      page.links.next = from + page.entries.size();
    if (link == Link::full) page.links.last = last_by(cap);
    if (link == Link::wrong) page.links.last = last_by(PagedList::page_size);
    page.moment = now;
    return page;
  }
  // It was seen to give pages as full as they get, and the list was read before.
  void be_known() {
    capacity.saw(cap);
    for (const Entry& entry : entries) {
      if (entry.time == 0) continue;
      if (!known_oldest || known_oldest->second != entry.time) known_oldest = {.second = entry.time, .entries = 0};
      ++known_oldest->entries;
    }
  }
};

struct Reading {
  std::multiset<std::string> emails;
  std::string unproven;
  bool one_page = false;
};

// Reads with so many requests at once, in any order; `meanwhile` is called before each answer.
Reading read(
    Server& server, std::size_t at_once = 1, const std::function<void()>& meanwhile = [] {},
    std::mt19937 random = std::mt19937(1), std::optional<std::int64_t> since = std::nullopt) {
  PagedList list(since, server.capacity, server.known_oldest);
  Reading reading;
  std::deque<Query> asked;
  for (int rounds = 0; rounds < 100'000; ++rounds) {
    while (asked.size() < at_once) {
      const auto query = list.next(!asked.empty());
      if (!query) break;
      asked.push_back(*query);
    }
    if (asked.empty()) {
      EXPECT_TRUE(list.done());
      reading.unproven = list.unproven();
      reading.one_page = list.is_one_page();
      if (!since) server.known_oldest = list.unproven().empty() ? list.oldest() : std::nullopt;
      return reading;
    }
    const auto which = static_cast<std::ptrdiff_t>(random() % asked.size());
    const Query query = asked[static_cast<std::size_t>(which)];
    asked.erase(asked.begin() + which);
    meanwhile();
    Page page = server.answer(query);
    for (const auto& entry : list.take(query, std::move(page))) reading.emails.insert(entry.email);
  }
  ADD_FAILURE() << "it does not end";
  return reading;
}

class PagedLists : public testing::Test {
 protected:
  // Times between 1,000 and 1,000 + seconds.
  void fill(int count, int seconds, unsigned seed = 1) {
    std::mt19937 random(seed);
    for (int i = 0; i < count; ++i) {
      server.entries.insert(
          {1000 + static_cast<int>(random() % static_cast<unsigned>(seconds)), fmt::format("x{}", i)});
    }
  }
  std::multiset<std::string> all() const {
    std::multiset<std::string> emails;
    for (const Entry& entry : server.entries) emails.insert(entry.email);
    return emails;
  }
  // Asks for some of them twice at most.
  void expect_whole(std::size_t at_once = 1) {
    const Reading reading = read(server, at_once);
    EXPECT_EQ(reading.unproven, "");
    const std::set<std::string> different(reading.emails.begin(), reading.emails.end());
    const std::multiset<std::string> here = all();
    EXPECT_EQ(different, std::set<std::string>(here.begin(), here.end()));
  }
  int requests_of_a_read(std::size_t at_once = 1) {
    server.requests = 0;
    expect_whole(at_once);
    return server.requests;
  }

  Server server;
};

TEST_F(PagedLists, AShortListIsOneRequestOnceTheServerHasGivenMore) {
  server.link = Link::none;
  EXPECT_EQ(requests_of_a_read(), 1);
  for (int i = 0; i < 15; ++i) server.entries.insert({1000 + i, fmt::format("x{}", i)});
  EXPECT_EQ(requests_of_a_read(), 3);  // fifteen may be all that it gives at once; and it may have changed
  server.entries.erase(server.entries.begin());
  EXPECT_EQ(requests_of_a_read(), 1);
  EXPECT_TRUE(read(server).one_page);
}

// A page in eight or so for the slices, one for the beginning, which is looked at again.
TEST_F(PagedLists, ALongListTakesLittleMoreThanItsPagesWithAndWithoutLinks) {
  server.cap = 500;
  for (const int count : {501, 2000, 20'000}) {
    server.entries.clear();
    fill(count, 10'000'000);
    for (const Link link : {Link::none, Link::next, Link::full}) {
      for (const std::size_t at_once : {1U, 4U, 16U}) {
        server.link = link;
        server.be_known();
        const int pages = (count + 499 - 1) / 499;
        // The first list of all has to find out how much the server gives.
        EXPECT_LE(requests_of_a_read(at_once), pages + std::max(2, pages / 4))
            << count << " entries, " << at_once << " at once, links " << static_cast<int>(link);
      }
    }
  }
}

TEST_F(PagedLists, EachEntryIsGivenOnceWhereNothingChanges) {
  fill(1000, 100'000);
  EXPECT_EQ(read(server, 4).emails, all());
}

TEST_F(PagedLists, OnlyWhatIsRecentIsReadWhereThatIsWanted) {
  fill(1000, 100'000);
  const Reading reading = read(
      server, 1, [] {}, std::mt19937(1), 91'000);
  std::multiset<std::string> recent;
  for (const Entry& entry : server.entries) {
    if (entry.time >= 91'000) recent.insert(entry.email);
  }
  EXPECT_EQ(reading.emails, recent);
}

TEST_F(PagedLists, ASecondWithMoreThanAPageIsReadByNumberWhateverTheServerSaysAndGives) {
  fill(100, 50);
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  for (const Link link : links) {
    for (const std::size_t cap : {7U, 20U, 100U, 500U}) {
      server.link = link;
      server.cap = cap;
      server.capacity = {};
      expect_whole();
      expect_whole(3);
    }
  }
}

// The server gives a hundred at most, and counts pages of five hundred.
TEST_F(PagedLists, AServerThatCapsItsPagesAndCountsOthersIsReadWhole) {
  server.cap = 100;
  server.link = Link::wrong;
  for (int i = 0; i < 1200; ++i) server.entries.insert({5000, fmt::format("many{}", i)});
  fill(200, 1000);
  expect_whole();
  server.entries.clear();
  server.capacity = {};
  fill(450, 1000);
  expect_whole();
}

TEST_F(PagedLists, APageThatRepeatsTheOneBeforeIsNotTheEnd) {
  server.link = Link::none;
  for (int i = 0; i < 60; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  const std::set<std::string> stood = [&] {
    const auto here = all();
    return std::set<std::string>(here.begin(), here.end());
  }();
  int made = 0;
  // As many come in front as a page has.
  const Reading reading = read(server, 1, [&] {
    if (server.requests != 3) return;
    for (int i = 0; i < 19; ++i) server.entries.insert({1025, fmt::format("z{}", made++)});
  });
  for (const std::string& email : stood) EXPECT_TRUE(reading.emails.contains(email)) << email;
}

TEST_F(PagedLists, ASecondOfManyPagesInWhichSomeCameInFrontIsReadWholeAllTheSame) {
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{:03}", i)});
  const Reading reading = read(server, 1, [&] {
    // Where the second page was read already. They are sorted downwards.
    if (server.requests == 6) server.entries.insert({1025, "many275a"});
  });
  EXPECT_EQ(reading.unproven, "");
  EXPECT_TRUE(reading.emails.contains("many275a"));
}

TEST_F(PagedLists, AServerThatIgnoresTheOffsetEndsTheReadAsUnproven) {
  for (int i = 0; i < 1200; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  server.ignores_offset = true;
  for (const Link link : links) {
    server.link = link;
    server.requests = 0;
    EXPECT_NE(read(server, 3).unproven, "");
    EXPECT_LE(server.requests, 15);
  }
}

TEST_F(PagedLists, AllOfOneSecond) {
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  EXPECT_LE(requests_of_a_read(), 300 / 19 + 5);
}

// It leaves the end of the list before that is read, for the beginning, which was read before.
TEST_F(PagedLists, AnAddressThatBouncesAgainDuringAReadIsNotMissed) {
  for (const int count : {50, 1000}) {
    for (const std::int64_t when : {std::int64_t{0}, std::int64_t{-60}, std::int64_t{500'000}}) {
      for (const bool future : {false, true}) {
        server = {};
        fill(count, 100'000);
        if (future) server.entries.insert({server.now + 900'000, "from the future"});
        const std::string oldest = server.entries.rbegin()->email;
        const Reading reading = read(server, 1, [&] {
          if (server.requests == 2) {
            server.entries.erase(std::prev(server.entries.end()));
            server.entries.insert({server.now + when, oldest});
          }
        });
        EXPECT_TRUE(reading.emails.contains(oldest)) << count << " " << when << " " << future;
      }
    }
  }
}

// In the newest second, which has been read.
TEST_F(PagedLists, AnAddressThatBouncesAgainInTheNewestSecondIsNotMissed) {
  fill(50, 100'000);
  server.entries.insert({server.now, "newest"});
  const std::string oldest = server.entries.rbegin()->email;
  const Reading reading = read(server, 1, [&] {
    if (server.requests == 2) {
      server.entries.erase(std::prev(server.entries.end()));
      server.entries.insert({server.now, oldest});
    }
  });
  EXPECT_TRUE(reading.emails.contains(oldest));
}

TEST_F(PagedLists, OneThatBouncesAgainWhileItIsFoundOutThatThereIsNoMoreIsNotMissed) {
  for (const Link link : {Link::none, Link::always}) {
    server = {};
    server.link = link;
    fill(15, 100'000);
    const std::string oldest = server.entries.rbegin()->email;
    const Reading reading = read(server, 1, [&] {
      if (server.requests == 1) {
        server.entries.erase(std::prev(server.entries.end()));
        server.entries.insert({server.now, oldest});
      }
    });
    EXPECT_TRUE(reading.emails.contains(oldest));
  }
}

TEST_F(PagedLists, AListThatChangesFasterThanItCanBeReadEndsAsUnproven) {
  fill(100, 100'000);
  int made = 0;
  const Reading reading = read(server, 1, [&] {
    for (int i = 0; i < 30; ++i) server.entries.insert({++server.now, fmt::format("new{}", made++)});
  });
  EXPECT_THAT(reading.unproven, testing::HasSubstr("faster"));
}

TEST_F(PagedLists, WhatCannotBeGivenMakesAPageNoShorter) {
  server.be_known();
  PagedList list(std::nullopt, server.capacity);
  fill(30, 1000);
  const Query first = *list.next(false);
  Page page = server.answer(first);
  page.links = {};
  page.entries.pop_back();
  page.left_out = 1;
  list.take(first, std::move(page));
  const auto second = list.next(false);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->end);
}

TEST_F(PagedLists, APageThatIsCutShortIsNotTheEnd) {
  fill(200, 1000);
  for (const Link link : links) {
    server.link = link;
    server.capacity = {};
    server.cap = 7;
    expect_whole();
    expect_whole(4);
  }
}

// Nothing tells but the list as it was: it had older entries.
TEST_F(PagedLists, AServerThatGivesLessAtOnceThanItDidIsFoundOut) {
  for (const Link link : {Link::none, Link::next}) {
    for (const bool was_read : {false, true}) {
      server = {};
      server.link = link;
      server.cap = 500;
      fill(2000, 1'000'000);
      if (was_read) {
        expect_whole(4);
      } else {
        server.capacity.saw(500);
      }
      server.cap = 100;
      expect_whole(4);
      EXPECT_LE(requests_of_a_read(4), 2000 / 99 * 3 / 2);
    }
  }
}

TEST_F(PagedLists, AListThatWasReadBeforeIsOneRequestUntilItsOldestEntryHasLeft) {
  server.link = Link::none;
  server.capacity.saw(20);
  for (int i = 0; i < 15; ++i) server.entries.insert({1000 + i, fmt::format("x{}", i)});
  EXPECT_EQ(requests_of_a_read(), 3);
  EXPECT_EQ(requests_of_a_read(), 1);
  server.entries.erase(std::prev(server.entries.end()));
  EXPECT_EQ(requests_of_a_read(), 3);
  EXPECT_EQ(requests_of_a_read(), 1);
}

// Whoever stands behind the same name may give more or less at once.
TEST_F(PagedLists, AServerWhosePagesVaryIsBelievedWhereItSaysThatThereIsMore) {
  server.link = Link::next;
  fill(200, 1000);
  server.cap = 50;
  expect_whole();
  server.cap = 20;
  expect_whole();
  server.link = Link::none;  // it is known by now
  expect_whole();
}

TEST_F(PagedLists, AnApiThatLeavesOutTheEndOfATimeIsFoundOut) {
  fill(200, 1000);
  server.leaves_out_end = true;
  EXPECT_THAT(read(server).unproven, testing::HasSubstr("leaves out the last second"));
}

TEST_F(PagedLists, AnApiThatLeavesOutTheBeginningOfATimeLosesNothing) {
  fill(2000, 1000);
  server.leaves_out_start = true;
  expect_whole(4);
}

TEST_F(PagedLists, AnOrderThatIsAnotherEachTimeIsFoundOut) {
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  std::mt19937 random(1);
  server.disorder = [&](auto& entries) { std::ranges::shuffle(entries, random); };
  EXPECT_NE(read(server).unproven, "");
}

// Of two pages that share little: what they share may stand in the right order by chance.
TEST_F(PagedLists, AnOrderThatIsAnotherEachTimeIsFoundOutAlsoWhereLittleIsShared) {
  for (int i = 0; i < 21; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  server.be_known();
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    server.disorder = [&](auto& entries) { std::ranges::shuffle(entries, random); };
    const Reading reading = read(server);
    const std::set<std::string> different(reading.emails.begin(), reading.emails.end());
    EXPECT_TRUE(!reading.unproven.empty() || different.size() == 21) << seed;
  }
}

// As many have left as are missed, so that the count of the second is right: only the order of what came twice shows
// it.
TEST_F(PagedLists, AnOrderThatChangesIsFoundOutWhereTheCountIsRight) {
  server.cap = 4;
  server.be_known();
  PagedList list(std::nullopt, server.capacity);
  const auto answer = [&](std::vector<std::string> emails) {
    const auto query = list.next(false);
    ASSERT_TRUE(query);
    Page page;
    page.moment = server.now;
    for (std::string& email : emails) {
      page.entries.emplace_back().email = std::move(email);
      page.entries.back().created.emplace<db::Instant>(db::Instant(std::chrono::seconds(1025)));
    }
    list.take(*query, std::move(page));
  };
  answer({"e0", "e1", "e2", "e3"});
  answer({"e0", "e1", "e2", "e3"});
  answer({"e5", "e6", "e7"});        // behind the third, when e0 and e1 have left
  answer({"e3", "e2", "e5", "e6"});  // gone back: e4 stands behind these
  answer({"e6", "e5", "e7"});        // and now before
  EXPECT_THAT(list.unproven(), testing::HasSubstr("another order each time"));
}

TEST_F(PagedLists, ASecondWhoseEntriesAreOthersEachTimeEndsAsUnproven) {
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  int made = 0;
  server.disorder = [&](auto& entries) {
    for (Entry& entry : entries) entry.email = fmt::format("other{}", made++);
  };
  EXPECT_THAT(read(server).unproven, testing::HasSubstr("too fast"));
  EXPECT_LE(server.requests, 100);
}

// Its place is another's, which may be the one that is missing.
TEST_F(PagedLists, AnEntryThatStandsTwiceInASecondIsNoProofOfTheOthers) {
  for (int i = 0; i < 50; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  server.disorder = [](auto& entries) {
    if (entries.size() == 50) entries[45].email = entries[5].email;
  };
  EXPECT_NE(read(server).unproven, "");
}

TEST_F(PagedLists, AnAddressWhoseLatestBounceWasGivenAndThatBouncesAgainIsGivenAgain) {
  fill(50, 100'000);
  server.entries.insert({server.now - 10, "recent"});
  const Reading reading = read(server, 1, [&] {
    if (server.requests != 2) return;
    server.entries.erase({server.now - 10, "recent"});
    server.entries.insert({server.now, "recent"});
  });
  EXPECT_EQ(reading.emails.count("recent"), 2U);
}

TEST_F(PagedLists, AListThatIsNotSortedIsRefusedUnlessItIsOnePage) {
  server.be_known();
  fill(15, 1000);
  server.disorder = [](auto& entries) { std::ranges::reverse(entries); };
  expect_whole();
  fill(100, 1000, 2);
  EXPECT_THROW(read(server), PagedList::NotUnderstood);
}

// An entry from before the beginning shows that the page is the last one only where the page is sorted.
TEST_F(PagedLists, APageThatReachesTheBeginningMustBeSortedToo) {
  for (int i = 0; i < 40; ++i) server.entries.insert({999 + i, fmt::format("x{}", i)});
  server.disorder = [](auto& entries) { std::ranges::reverse(entries); };
  EXPECT_THROW(read(
                   server, 1, [] {}, std::mt19937(1), 1000),
               PagedList::NotUnderstood);
}

TEST_F(PagedLists, AnApiThatIgnoresTheTimesIsRefused) {
  fill(100, 1000);
  PagedList list(std::nullopt, server.capacity);
  list.take(*list.next(false), server.answer({}));
  const Query second = *list.next(false);
  EXPECT_THROW(list.take(second, server.answer({})), PagedList::NotUnderstood);
}

// They stand anywhere, and are on no page that is asked for by time.
TEST_F(PagedLists, EntriesWithoutATimeHinderNothingAndAreSaidToBeMissing) {
  fill(10, 1000);
  server.be_known();
  for (int i = 0; i < 5; ++i) server.entries.insert({0, fmt::format("undated{}", i)});
  server.disorder = [](auto& entries) {
    std::stable_partition(entries.begin(), entries.end(), [](const Entry& entry) { return entry.time == 0; });
  };
  Reading reading = read(server);
  EXPECT_EQ(reading.emails, all());
  EXPECT_TRUE(reading.one_page);
  fill(100, 1000, 2);
  reading = read(server);
  EXPECT_EQ(reading.unproven, "");
  EXPECT_FALSE(reading.one_page);
  for (const Entry& entry : server.entries) {
    EXPECT_TRUE(entry.time == 0 || reading.emails.contains(entry.email)) << entry.email;
  }
  server.gives_undated_always = true;
  EXPECT_EQ(read(server).unproven, "");
  for (int i = 0; i < 50; ++i) server.entries.insert({0, fmt::format("more{}", i)});
  server.disorder = [](auto& entries) { std::ranges::reverse(entries); };
  EXPECT_THAT(read(server).unproven, testing::HasSubstr("no entry with a time"));
}

// Reads of lists that shrink and grow, by one and by many, at random times, and in which addresses bounce again, from
// servers that give and say of their pages what they like. BOUNCED_SEED and BOUNCED_READS make others.
TEST_F(PagedLists, WhateverHappensMeanwhileWhatStoodAllTheTimeIsRead) {
  const auto number = [](const char* name, unsigned otherwise) {
    const char* const given = std::getenv(name);
    return given != nullptr ? static_cast<unsigned>(std::atoi(given)) : otherwise;
  };
  const unsigned first_seed = number("BOUNCED_SEED", 1);
  const unsigned reads = number("BOUNCED_READS", 2000);
  std::uint64_t requests = 0, least = 0, unproven = 0, unproven_tricked = 0;
  std::map<std::string, int> why;
  for (unsigned seed = first_seed; seed < first_seed + reads; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    const auto any = [&](std::size_t most) { return static_cast<int>(random() % most); };
    server = {};
    server.cap = std::array{7U, 20U, 100U, 500U}[random() % (seed % 20 == 0 ? 4 : 3)];
    server.link = links[random() % links.size()];
    const int cap = static_cast<int>(server.cap);
    // Some in a time of any length, and perhaps many of one second.
    const int size = any(cap == 7 ? 200 : static_cast<std::size_t>(cap) * 5);
    fill(size, 1 + any(any(4) == 0 ? 30 : 3000), seed);
    const std::int64_t burst = 1000 + any(3000);
    const int of_burst = any(3) == 0 ? any(static_cast<std::size_t>(cap) * 3) : 0;
    for (int i = 0; i < of_burst; ++i) server.entries.insert({burst, fmt::format("burst{}", i)});
    server.now = any(10) == 0 ? burst + 1 : 10'000;
    if (any(2) == 0) server.be_known();
    const int trick = any(5);  // with what was known of its pages
    if (trick == 0) server.cap = std::max<std::size_t>(2, server.cap / 4);
    if (trick == 1) {
      server.cap_of = [&server = server](const Query& query) { return query.end ? server.cap / 2 : server.cap; };
    }
    if (trick == 2) {
      const std::int64_t newest = server.entries.empty() ? 0 : server.entries.begin()->time;
      server.cap_of = [&server = server, &random, newest, now = server.now](const Query& query) {
        const bool looks_at_the_beginning = query.start.value_or(0) >= std::min(newest, now) - 300;
        return looks_at_the_beginning ? server.cap : 2 + random() % (server.cap - 1);
      };
    }
    if (any(10) == 0) server.entries.insert({server.now + 100'000, "from the future"});
    std::set<std::string> stood;
    for (const Entry& entry : server.entries) stood.insert(entry.email);
    const int changes = any(4);
    int made = 0;
    const auto arrival = [&] { return any(4) == 0 ? server.now - any(50) : server.now; };
    const auto change = [&] {
      server.now += any(20);
      // What comes within a minute mostly fits on a page.
      if (any(60) > cap) return;
      for (int i = any(3) * changes; i > 0; --i) {
        const int what = any(10);
        const int many = any(30) == 0 ? any(static_cast<std::size_t>(cap) * 2) : 1;
        for (int j = 0; j < many; ++j) {
          if (what < 6 && !server.entries.empty()) {
            // One that leaves, or bounces again.
            const auto gone = std::next(server.entries.begin(), any(server.entries.size()));
            const Entry entry = std::move(server.entries.extract(gone).value());
            if (what < 2) {
              server.entries.insert({arrival(), entry.email});
            } else {
              stood.erase(entry.email);
            }
          } else {
            // One that comes, now, or to a second that has many.
            server.entries.insert({any(10) == 0 ? burst : arrival(), fmt::format("new{}", made++)});
          }
        }
      }
    };
    const Reading reading = read(server, 1 + random() % 4, change, random);
    requests += static_cast<std::uint64_t>(server.requests);
    least += static_cast<std::uint64_t>(std::max(1, (size + of_burst + cap - 1) / cap));
    if (!reading.unproven.empty()) {
      ++(trick < 3 ? unproven_tricked : unproven);
      ++why[reading.unproven];
      continue;
    }
    for (const std::string& email : stood) {
      ASSERT_TRUE(reading.emails.contains(email))
          << email << " was not read; a page has " << cap << ", links " << static_cast<int>(server.link);
    }
  }
  fmt::print(
      "{} reads, {} requests, {:.2f} for each full page, not proven {} where pages changed their size, {} else\n",
      reads, requests, static_cast<double>(requests) / static_cast<double>(least), unproven_tricked, unproven);
  for (const auto& [reason, times] : why) fmt::print("  {}: {}\n", times, reason);
  EXPECT_LE(unproven, reads / 6 * 2 / 5);
  EXPECT_LE(unproven_tricked, reads / 4 * 3 / 5);
}

}  // namespace
}  // namespace bounced::api
