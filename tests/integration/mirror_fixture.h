// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "db/customers.h"
#include "db/daemons.h"
#include "db/mirror.h"
#include "db/retention.h"
#include "db/session.h"
#include "tests/integration/print_of.h"
#include "tests/support/cluster.h"
#include "tests/support/counts.h"

namespace bounced::db {

using test::query_value;
using List = std::vector<ListedBounce>;

inline ListedBounce bounce(std::string email, std::string created = "2024-05-06 07:08:09",
                           std::string reason = "no such user", std::string status = "5.1.1") {
  ListedBounce made{.email = std::move(email), .status = std::move(status), .reason = std::move(reason), .created = {}};
  if (!created.empty()) made.created = LocalTime{std::move(created)};
  return made;
}

inline List numbered(int count) {
  List list;
  for (int i = 0; i < count; ++i) list.push_back(bounce(fmt::format("{}@example.com", i)));
  return list;
}

class Mirror : public testing::Test {
 protected:
  Mirror() { register_customer("America/Los_Angeles"); }
  void TearDown() override { test::expect_right_counts(url); }

  void register_customer(const std::string& zone, int recent_days = 3, Existing existing = Existing::change) {
    const Registered registered = register_configuration(session, daemon,
                                                         {{{"main", "v2"}},
                                                          {{.name = "c",
                                                            .account = "main",
                                                            .time_zone = zone,
                                                            .every = std::chrono::hours(1),
                                                            .full_every = std::chrono::hours(24),
                                                            .recent_days = recent_days}}},
                                                         existing);
    for (const CustomerChange& change : registered.later) change_customer(session, daemon, change);
  }

  Claim claim() {
    auto claims = claim_named(session, daemon, {"c"}, {});
    EXPECT_EQ(claims.size(), 1U);
    return claims.at(0);
  }

  Claim recent_claim() {
    Claim recent = claim();
    recent.full = false;
    return recent;
  }

  static ListFacts facts(const List& list, std::uint64_t without_email = 0) {
    return {.entries = list.size(), .without_email = without_email, .print = print_of(list)};
  }
  Merged merge(const Claim& claimed, const List& list, std::uint64_t without_email = 0) {
    const auto outcome = merge_short(session, claimed, facts(list, without_email), {list});
    EXPECT_TRUE(std::holds_alternative<Merged>(outcome));
    return std::get<Merged>(outcome);
  }
  Merged full(const List& list) { return merge(claim(), list); }
  Merged recent(const List& list) { return merge(recent_claim(), list); }

  std::string value(const std::string& sql) { return query_value(url, sql); }

  // Every row of the mirror as text, in a stable order.
  std::string rows() {
    return value("select coalesce(string_agg(m::text, e'\\n' order by bounce_id), '') from bounced.mirror m");
  }
  std::string of(const std::string& email, const std::string& column) {
    return value(fmt::format("select {} from bounced.bounces where email = '{}'", column, email));
  }

  std::string url = test::Cluster::shared().create_database();
  Session session{{.url = url, .application = "test"}};
  std::int64_t daemon = start_daemon(session, {.host = "here", .pid = 1, .version = "1"});
};

}  // namespace bounced::db
