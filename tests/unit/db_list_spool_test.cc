// SPDX-License-Identifier: Apache-2.0
#include "db/list_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bounced::db {
namespace {

using List = std::vector<ListedBounce>;

List read(ListSpool& spool, const ListParts::Set& parts) {
  List list;
  for (List some = spool.read(parts); !some.empty(); some = spool.read(parts)) {
    list.insert(list.end(), some.begin(), some.end());
  }
  return list;
}

ListedBounce bounce_of(std::string email, std::string status = "5.1.1") {
  return {.email = std::move(email), .status = std::move(status), .reason = {}, .created = {}};
}

TEST(ListSpool, GivesBackWhatWasWritten) {
  List list{{.email = "a@x.org", .status = "5.1.1", .reason = "line\nwith \\ and \t and ü", .created = {}},
            {.email = "b@x.org", .status = {}, .reason = {}, .created = LocalTime{"2024-05-06 07:08:09"}},
            {.email = "c@x.org", .status = {}, .reason = {}, .created = Instant{std::chrono::seconds(1700000000)}},
            {.email = "d@x.org", .status = {}, .reason = {}, .created = Instant{std::chrono::seconds(-1)}}};
  // More than is written and read at once, cut at every place; and an entry that is more than that by itself.
  for (int i = 0; i < 5000; ++i) {
    list.push_back({.email = std::to_string(i), .status = "5", .reason = std::string(i % 397, 'r'), .created = {}});
  }
  list.push_back({.email = "long", .status = {}, .reason = std::string(700'000, 'l'), .created = {}});
  list.push_back({.email = "last", .status = {}, .reason = {}, .created = {}});
  ListSpool spool;
  spool.write({list.begin(), list.begin() + 3});
  spool.write({list.begin() + 3, list.end()});
  EXPECT_TRUE(read(spool, ListParts::Set().set()) == list);
}

TEST(ListSpool, IsEmptyWhereNothingWasWritten) {
  ListSpool spool;
  EXPECT_THAT(read(spool, ListParts::Set().set()), testing::IsEmpty());
}

// Two lists differ in the parts of those addresses about which they say something else, whatever their order.
TEST(ListSpool, GivesThePartsThatDiffer) {
  List ours;
  for (int i = 0; i < 5000; ++i) ours.push_back(bounce_of(std::to_string(i)));
  List theirs(ours.rbegin(), ours.rend());
  theirs.erase(std::find(theirs.begin(), theirs.end(), bounce_of("17")));
  *std::find(theirs.begin(), theirs.end(), bounce_of("2222")) = bounce_of("2222", "4.0.0");
  theirs.push_back(bounce_of("new"));
  theirs.push_back(bounce_of("4000"));  // a second time
  ListSpool spool;
  spool.write(ours);
  ListSpool same;
  same.write({ours.rbegin(), ours.rend()});
  EXPECT_TRUE(spool.parts().differing(same.parts()).none());
  EXPECT_EQ(spool.parts().whole(), same.parts().whole());
  ListSpool other;
  other.write(theirs);
  const ListParts::Set differing = spool.parts().differing(other.parts());
  EXPECT_EQ(differing.count(), 4U);
  std::vector<std::string> emails;
  for (const auto& bounce : read(spool, differing)) emails.push_back(bounce.email);
  EXPECT_THAT(emails, testing::IsSupersetOf({"17", "2222", "4000"}));
  EXPECT_LT(emails.size(), 20U);
}

TEST(ListSpool, SaysThatThereIsNoFolder) {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  ::setenv("TMPDIR", "/nowhere", 1);
  EXPECT_THROW(ListSpool(), std::system_error);
  before != nullptr ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace bounced::db
