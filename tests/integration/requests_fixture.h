// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "db/customers.h"
#include "db/daemons.h"
#include "db/errors.h"
#include "db/mirror.h"
#include "db/pqxx_compat.h"
#include "db/requests.h"
#include "db/session.h"
#include "tests/integration/print_of.h"
#include "tests/support/cluster.h"
#include "tests/support/counts.h"

namespace bounced::db {

using test::execute;
using test::query_value;
using testing::HasSubstr;
using Kind = RequestEnd::Kind;
using List = std::vector<ListedBounce>;

inline ListedBounce bounce(std::string email, std::string created = "2024-05-06 07:08:09",
                           std::string reason = "no such user") {
  return {.email = std::move(email),
          .status = "5.1.1",
          .reason = std::move(reason),
          .created = LocalTime{std::move(created)}};
}

// Two customers of one account, and a daemon.
class Requests : public testing::Test {
 protected:
  Requests() { register_configuration(session, daemon, {{{"main", "v2"}}, {of("c"), of("d")}}, Existing::change); }

  void TearDown() override { test::expect_right_counts(url); }

  static CustomerSettings of(const std::string& name) {
    return {.name = name,
            .account = "main",
            .time_zone = "UTC",
            .every = std::chrono::hours(1),
            .full_every = std::chrono::hours(24),
            .recent_days = 3};
  }

  // What the database says to a statement; empty: it took it.
  std::string refusal(const std::string& sql) const {
    try {
      execute(url, sql);
      return {};
    } catch (const std::exception& error) {
      return error.what();
    }
  }
  std::string refused_email(const std::string& literal) const {
    return refusal("insert into bounced.deletion_requests (customer, email) values ('c', " + literal + ")");
  }
  void queue(const std::string& email, const std::string& customer = "c") const {
    execute(url, fmt::format("insert into bounced.deletion_requests (customer, email) values ('{}', '{}')", customer,
                             email));
  }
  std::string value(const std::string& sql) const { return query_value(url, sql); }
  std::string states() const {
    return value("select string_agg(state, ',' order by request_id) from bounced.deletion_requests");
  }
  std::string mirror() const {
    return value(
        "select coalesce(string_agg(email || ' ' || coalesce(gone_because, 'current'), ', ' order by email, "
        "bounce_id), "
        "'') from bounced.bounces");
  }

  // Claims what is due, of every customer.
  std::vector<RequestClaim> claim(int places = 100) {
    std::vector<Lane> lanes;
    for (const auto& customer : waiting_customers(session)) {
      if (customer.due_in.count() <= 0) {
        lanes.push_back({.customer_id = customer.customer_id,
                         .account = "main",
                         .after = {},
                         .places = places,
                         .limited = customer.limited});
      }
    }
    return claim_requests(session, daemon, lanes);
  }
  NotFinished finish(const RequestClaim& claimed, Kind kind) {
    return finish_requests(session,
                           {{.claim = claimed, .kind = kind, .error = {}, .again_in = {}, .sent_twice = false}});
  }
  // Asks for the list now, as of the claim that it returns.
  Claim ask(bool full = true) {
    Claim asked = claim_named(session, daemon, {"c"}, {}).at(0);
    asked.full = full;
    return asked;
  }
  Merged merge(const Claim& asked, const List& list) {
    return std::get<Merged>(merge_short(session, asked, {.entries = list.size(), .print = print_of(list)}, {list}));
  }

  std::string url = test::Cluster::shared().create_database();
  Session session{{.url = url, .application = "test"}};
  std::int64_t daemon = start_daemon(session, {.host = "here", .pid = 1, .version = "1"});
};

}  // namespace bounced::db
