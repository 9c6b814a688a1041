// SPDX-License-Identifier: Apache-2.0
// Lists that change while they are read in pages: what is reported whole was whole.
#include "sync/api/paged_list.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
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

// A list as the API keeps it, and how it gives pages of it. Newest first; of one second in an order that stays.
class Server {
 public:
  std::set<Entry, std::greater<>> entries;
  std::size_t page_size = 20;
  std::size_t cap = 1'000'000;  // gives fewer than asked
  bool with_link = true;
  bool leaves_out_end = false;
  bool leaves_out_start = false;
  std::function<void(std::vector<Entry>&)> disorder = [](auto&) {};
  int requests = 0;

  Page answer(const Query& query) {
    ++requests;
    std::vector<Entry> asked;
    for (const Entry& entry : entries) {
      const bool too_old = query.start && (leaves_out_start ? entry.time <= *query.start : entry.time < *query.start);
      const bool too_new = query.end && (leaves_out_end ? entry.time >= *query.end : entry.time > *query.end);
      if (!too_old && !too_new) asked.push_back(entry);
    }
    disorder(asked);
    const std::size_t size = std::min(page_size, cap);
    Page page;
    const std::size_t from = std::min(asked.size(), static_cast<std::size_t>(query.offset));
    page.entries.resize(std::min(size, asked.size() - from));
    for (std::size_t i = 0; i < page.entries.size(); ++i) {
      const Entry& entry = asked[from + i];
      page.entries[i].email = entry.email;
      if (entry.time != 0) page.entries[i].created.emplace<db::Instant>(db::Instant(std::chrono::seconds(entry.time)));
    }
    if (with_link) page.last_offset = asked.empty() ? 0 : (asked.size() - 1) / size * size;
    return page;
  }
};

struct Reading {
  std::multiset<std::string> emails;
  std::string unproven;
};

// Reads with so many requests at once, in any order; `meanwhile` is called before each answer.
Reading read(
    Server& server, std::size_t at_once = 1, const std::function<void()>& meanwhile = [] {},
    std::mt19937 random = std::mt19937(1), std::optional<std::int64_t> since = std::nullopt) {
  PagedList list(since, server.page_size);
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
  void expect_whole(std::size_t at_once = 1) {
    const Reading reading = read(server, at_once);
    EXPECT_EQ(reading.unproven, "");
    EXPECT_EQ(reading.emails, all());
  }

  Server server;
};

TEST_F(PagedLists, AShortListIsOneRequest) {
  expect_whole();
  fill(19, 100);
  expect_whole();
  EXPECT_EQ(server.requests, 2);
}

TEST_F(PagedLists, ALongListIsReadWholeEachEntryOnce) {
  fill(1000, 100'000);
  expect_whole();
  EXPECT_LE(server.requests, 1000 / 19 + 3);  // with one for what is new at its end
  server.requests = 0;
  expect_whole(4);
  EXPECT_LE(server.requests, 1000 / 19 + 14);
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

TEST_F(PagedLists, ASecondWithMoreThanAPageIsReadByNumber) {
  fill(100, 50);
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  expect_whole();
  expect_whole(3);
}

TEST_F(PagedLists, AllOfOneSecond) {
  for (int i = 0; i < 300; ++i) server.entries.insert({1025, fmt::format("many{}", i)});
  expect_whole();
  EXPECT_LE(server.requests, 300 / 19 + 4);
}

// It leaves the end of the list before that is read, for the beginning, which was read before.
TEST_F(PagedLists, AnAddressThatBouncesAgainDuringALongReadIsNotMissed) {
  fill(1000, 100'000);
  const std::string oldest = server.entries.rbegin()->email;
  const Reading reading = read(server, 1, [&] {
    if (server.requests == 3) {
      server.entries.erase(std::prev(server.entries.end()));
      server.entries.insert({200'000, oldest});
    }
  });
  EXPECT_TRUE(reading.emails.contains(oldest));
}

TEST_F(PagedLists, WhatCannotBeGivenMakesAPageNoShorter) {
  PagedList list(std::nullopt, 20);
  fill(30, 1000);
  const Query first = *list.next(false);
  Page page = server.answer(first);
  page.last_offset.reset();
  page.entries.pop_back();
  page.left_out = 1;
  list.take(first, std::move(page));
  const auto second = list.next(false);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->offset, 0U);  // it goes on, and asks for no confirmation
  EXPECT_TRUE(second->end);
}

TEST_F(PagedLists, APageThatIsCutShortIsNotTheEnd) {
  fill(200, 1000);
  server.cap = 7;
  expect_whole();
  server.with_link = false;
  expect_whole();
}

TEST_F(PagedLists, WithoutAWordOfHowManyThereAreTheEndIsConfirmed) {
  fill(19, 100);
  server.with_link = false;
  expect_whole();
  EXPECT_EQ(server.requests, 2);
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
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    server.disorder = [&](auto& entries) { std::ranges::shuffle(entries, random); };
    const Reading reading = read(server);
    const std::set<std::string> different(reading.emails.begin(), reading.emails.end());
    EXPECT_TRUE(!reading.unproven.empty() || different.size() == 21) << seed;
  }
}

TEST_F(PagedLists, AListThatIsNotSortedIsRefusedUnlessItIsOnePage) {
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
  PagedList list(std::nullopt, server.page_size);
  list.take(*list.next(false), server.answer({}));
  const Query second = *list.next(false);
  EXPECT_THROW(list.take(second, server.answer({})), PagedList::NotUnderstood);
}

TEST_F(PagedLists, EntriesWithoutATimeFillNoPage) {
  fill(100, 1000);
  for (int i = 0; i < 5; ++i) server.entries.insert({0, fmt::format("undated{}", i)});
  expect_whole();
  for (int i = 0; i < 50; ++i) server.entries.insert({0, fmt::format("more{}", i)});
  EXPECT_THAT(read(server).unproven, testing::HasSubstr("no time"));
}

// Three thousand reads of lists that shrink and grow, by one and by many, at random times, and in which addresses
// bounce again. BOUNCED_SEED makes others.
TEST_F(PagedLists, WhateverHappensMeanwhileWhatStoodAllTheTimeIsRead) {
  const char* const given = std::getenv("BOUNCED_SEED");
  const unsigned first_seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 1U;
  constexpr unsigned reads = 3000;
  std::uint64_t requests = 0, least = 0, unproven = 0;
  for (unsigned seed = first_seed; seed < first_seed + reads; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937 random(seed);
    const auto any = [&](unsigned most) { return static_cast<int>(random() % most); };
    server = {};
    const int size = any(600);
    fill(size, 1 + any(any(4) == 0 ? 30 : 3000), seed);
    std::set<Entry> stood(server.entries.begin(), server.entries.end());
    const int changes = any(4);
    int made = 0;
    std::int64_t now = 10'000;
    const auto change = [&] {
      for (int i = any(3) * changes; i > 0; --i) {
        const int what = any(10);
        const int many = any(30) == 0 ? any(60) : 1;
        for (int j = 0; j < many; ++j) {
          if (what < 6 && !server.entries.empty()) {
            // One that leaves, or bounces again.
            const auto gone = std::next(server.entries.begin(), any(static_cast<unsigned>(server.entries.size())));
            const Entry entry = std::move(server.entries.extract(gone).value());
            stood.erase(entry);
            if (what == 0) server.entries.insert({++now, entry.email});
          } else {
            // One that comes, mostly now, sometimes late.
            server.entries.insert({any(5) == 0 ? 1000 + any(3000) : ++now, fmt::format("new{}", made++)});
          }
        }
      }
    };
    const Reading reading = read(server, 1 + random() % 4, change, random);
    requests += static_cast<std::uint64_t>(server.requests);
    least += static_cast<std::uint64_t>(std::max(1, (size + 19) / 20));
    if (!reading.unproven.empty()) {
      ++unproven;
      continue;
    }
    for (const Entry& entry : stood) {
      ASSERT_TRUE(reading.emails.contains(entry.email)) << entry.email << " of " << entry.time << " was not read";
    }
  }
  fmt::print("{} reads, {} requests, {:.2f} for each full page, {} not proven\n", reads, requests,
             static_cast<double>(requests) / static_cast<double>(least), unproven);
  EXPECT_LE(unproven, reads / 100);
}

}  // namespace
}  // namespace bounced::api
