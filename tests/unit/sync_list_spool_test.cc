// SPDX-License-Identifier: Apache-2.0
#include "sync/list_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

namespace bounced::sync {
namespace {

using List = std::vector<db::ListedBounce>;

List all_of(ListSpool& spool) {
  List list;
  for (List part = spool.read(); !part.empty(); part = spool.read()) list.insert(list.end(), part.begin(), part.end());
  return list;
}

TEST(ListSpool, GivesBackWhatWasWritten) {
  List list{{.email = "a@x.org", .status = "5.1.1", .reason = "line\nwith \\ and \t and ü", .created = {}},
            {.email = "b@x.org", .status = {}, .reason = {}, .created = db::LocalTime{"2024-05-06 07:08:09"}},
            {.email = "c@x.org", .status = {}, .reason = {}, .created = db::Instant{std::chrono::seconds(1700000000)}},
            {.email = "d@x.org", .status = {}, .reason = {}, .created = db::Instant{std::chrono::seconds(-1)}}};
  // More than is written and read at once, cut at every place; and an entry that is more than that by itself.
  for (int i = 0; i < 5000; ++i) {
    list.push_back({.email = std::to_string(i), .status = "5", .reason = std::string(i % 397, 'r'), .created = {}});
  }
  list.push_back({.email = "long", .status = {}, .reason = std::string(700'000, 'l'), .created = {}});
  list.push_back({.email = "last", .status = {}, .reason = {}, .created = {}});
  ListSpool spool;
  spool.write({list.begin(), list.begin() + 3});
  spool.write({list.begin() + 3, list.end()});
  EXPECT_TRUE(all_of(spool) == list);
}

TEST(ListSpool, IsEmptyWhereNothingWasWritten) {
  ListSpool spool;
  EXPECT_THAT(spool.read(), testing::IsEmpty());
}

TEST(ListSpool, SaysThatThereIsNoFolder) {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("TMPDIR", "/nowhere", 1);
  EXPECT_THROW(ListSpool(), std::system_error);
  before != nullptr ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace bounced::sync
