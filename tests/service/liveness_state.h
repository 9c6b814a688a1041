// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/service/liveness_world.h"

namespace bounced::test {

// How far the daemon of the liveness test has come, as the database tells it.
class Progress {
 public:
  Progress(const Database& database, const std::vector<std::unique_ptr<Side>>& sides)
      : database_(database), sides_(sides) {}

  [[nodiscard]] std::string value(const std::string& sql) const { return query_value(database_.url(), sql); }
  [[nodiscard]] double seconds(const std::string& sql) const { return std::stod(value(sql)); }
  // For a person to read.
  [[nodiscard]] std::vector<std::string> rows(const std::string& sql) const {
    std::vector<std::string> found;
    for (const Row& row : query(database_.url(), sql)) {
      std::string text;
      for (const auto& field : row) text += (text.empty() ? "" : "; ") + field.value_or("null");
      found.push_back(text);
    }
    return found;
  }

  [[nodiscard]] bool all_were_polled() const {
    return value("select count(*) from bounced.customers where last_full_at is not null") == all_customers();
  }
  [[nodiscard]] std::vector<std::string> not_polled_since(const std::string& time) const {
    auto found = rows(fmt::format(
        "select c.name, last_full_at, 'next ' || next_poll_at, 'claimed by ' || coalesce(claimed_by, 0), failures, "
        "last_error, 'paused until ' || coalesce(paused_until::text, 'null') from bounced.customers c join "
        "bounced.accounts a on a.name = c.account where active and (last_full_at is null or last_full_at <= '{}') "
        "order by c.name",
        time));
    const std::string active = value("select count(*) from bounced.customers where active");
    if (active != all_customers()) found.push_back(active + " customers are active, of " + all_customers());
    return found;
  }
  [[nodiscard]] std::vector<std::string> open_requests() const {
    return rows(
        "select request_id, customer, state, attempts, next_attempt_at, last_error from bounced.deletion_requests "
        "where state in ('pending', 'sending', 'failed') order by 1");
  }
  [[nodiscard]] double number_of_open_requests(const std::string& account) const {
    return seconds(
        "select count(*) from bounced.deletion_requests r join bounced.customers c on c.name = r.customer "
        "where r.state in ('pending', 'sending') and c.account = '" +
        account + "'");
  }
  // Customers whose mirror is not as long as the API's list.
  [[nodiscard]] std::vector<std::string> untrue() const {
    std::vector<std::string> wrong;
    for (const auto& side : sides_) {
      for (const std::string& customer : side->customers) {
        const std::string have =
            value(fmt::format("select count(*) from bounced.current_bounces where customer = '{}'", customer));
        if (have != std::to_string(side->api.size(customer)))
          wrong.push_back(fmt::format("{}: {} in the mirror, {} at the API", customer, have, side->api.size(customer)));
      }
    }
    return wrong;
  }
  // For how long from now on nothing is to be done, as the daemon has told.
  [[nodiscard]] Seconds announced_pause() const {
    return Seconds(seconds(
        "select greatest(0, extract(epoch from max(until) - now())) from (select paused_until from bounced.accounts "
        "union all select next_attempt_at from bounced.deletion_requests where state = 'pending' union all select "
        "now()) as waits (until)"));
  }

 private:
  [[nodiscard]] std::string all_customers() const {
    std::size_t count = 0;
    for (const auto& side : sides_) count += side->customers.size();
    return std::to_string(count);
  }

  const Database& database_;
  const std::vector<std::unique_ptr<Side>>& sides_;
};

}  // namespace bounced::test
