// SPDX-License-Identifier: Apache-2.0
#include "daemon/status_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <sstream>
#include <vector>

#include "daemon/daemon_remarks.h"
#include "daemon/text.h"

namespace bounced::daemon {
namespace {

constexpr std::size_t width = 100;
// More than this fills a screen, and --json has them all.
constexpr std::size_t longest_list = 20;

struct Totals {
  explicit Totals(const std::vector<db::CustomerStatus>& customers) : all(customers.size()) {
    for (const db::CustomerStatus& customer : customers) {
      current_bounces += customer.current_bounces;
      if (!customer.active) continue;
      ++active;
      failing += is_failing(customer) ? 1 : 0;
      held += customer.held_since ? 1 : 0;
      never_polled += customer.last_poll_at ? 0 : 1;
      late += is_late(customer) ? 1 : 0;
      if (customer.last_poll_at && (oldest == nullptr || customer.last_poll_at->ago > oldest->last_poll_at->ago)) {
        oldest = &customer;
      }
    }
  }
  std::uint64_t all;
  std::uint64_t active = 0, failing = 0, held = 0, never_polled = 0, late = 0;
  std::int64_t current_bounces = 0;
  const db::CustomerStatus* oldest = nullptr;  // whose last poll is the longest ago
};

std::string ago(const std::optional<db::Moment>& moment) {
  return moment ? age(moment->ago) + " ago" : "never";
}

// What a list shows of one: a row of its columns, and what is said about it, on lines of its own.
struct Item {
  std::vector<std::string> columns;
  std::string note = {};
};

std::string listing(const std::string& title, const std::vector<std::string>& head, const std::vector<Item>& items) {
  if (items.empty()) return {};
  const std::size_t shown = std::min(items.size(), longest_list);
  std::vector<std::vector<std::string>> rows{head};
  for (std::size_t i = 0; i < shown; ++i) rows.push_back(items[i].columns);
  std::istringstream lines(table(rows, width));
  std::string text = "\n" + title + "\n";
  std::string line;
  std::getline(lines, line);
  text += line + '\n';
  for (std::size_t i = 0; i < shown && std::getline(lines, line); ++i) {
    text += line + '\n' + (items[i].note.empty() ? "" : wrapped(items[i].note, width, 4));
  }
  if (shown < items.size()) text += fmt::format("and {} more\n", grouped(items.size() - shown));
  return text;
}

std::string short_name(const std::string& name) {
  return shortened(printable(name), 40);
}

std::string failing_customers(std::vector<db::CustomerStatus> customers) {
  std::erase_if(customers, [](const auto& customer) { return !is_failing(customer); });
  std::ranges::stable_sort(customers, std::greater<>(), &db::CustomerStatus::failures);
  std::vector<Item> items;
  for (const auto& customer : customers) {
    items.push_back({{short_name(customer.name), grouped(static_cast<std::uint64_t>(customer.failures)),
                      ago(customer.last_error_at), ago(customer.last_poll_at)},
                     customer.last_error.value_or("")});
  }
  return listing("Failing customers", {"CUSTOMER", "FAILURES", "LAST", "LAST GOOD POLL"}, items);
}

std::string remarkable_customers(const std::vector<db::CustomerStatus>& customers) {
  std::vector<Item> items;
  for (const auto& customer : customers) {
    if (!customer.active || customer.failures > 0 || (!customer.last_error && !customer.held_since)) continue;
    items.push_back(
        {{short_name(customer.name), ago(customer.held_since ? customer.held_since : customer.last_error_at)},
         customer.last_error.value_or("held by the shrink guard")});
  }
  return listing("Remarks on lists", {"CUSTOMER", "SINCE"}, items);
}

std::string late_customers(const std::vector<db::CustomerStatus>& customers) {
  std::vector<Item> items;
  for (const auto& customer : customers) {
    if (!is_late(customer)) continue;
    items.push_back({{short_name(customer.name), age(customer.next_poll_at.ago), ago(customer.last_poll_at)}});
  }
  return listing("Late customers", {"CUSTOMER", "LATE BY", "LAST GOOD POLL"}, items);
}

std::string paused_accounts(const std::vector<db::AccountStatus>& accounts) {
  std::vector<Item> items;
  for (const auto& account : accounts) {
    if (!account.paused_until) continue;
    items.push_back({{short_name(account.name), age(-account.paused_until->ago)}, account.paused_because.value_or("")});
  }
  return listing("Paused accounts", {"ACCOUNT", "FOR ANOTHER"}, items);
}

struct QueueTotals {
  explicit QueueTotals(const std::vector<db::QueueStatus>& queue) {
    for (const db::QueueStatus& customer : queue) {
      pending += customer.pending;
      sending += customer.sending;
      failed += customer.failed;
      if (customer.oldest && (!oldest || customer.oldest->ago > oldest->ago)) oldest = customer.oldest;
      if (!customer.waits_for.empty()) waiting[customer.waits_for] += customer.pending;
    }
  }
  std::int64_t pending = 0, sending = 0, failed = 0;
  std::optional<db::Moment> oldest;
  std::map<std::string, std::int64_t> waiting;  // by what for
};

std::string grouped_count(std::int64_t count) {
  return grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)));
}

// What "waits for" means, for people.
std::string explained(const std::string& waits_for) {
  if (waits_for == "inactive") return "their customer is in no configuration";
  if (waits_for == "paused") return "their account is paused";
  if (waits_for == "daily limit") return "their account's daily limit is reached; they go on at midnight UTC";
  return "another attempt is to come";
}

std::string queue_summary(const std::vector<db::QueueStatus>& queue) {
  const QueueTotals totals(queue);
  std::string text = fmt::format("deletion requests: {} pending, {} sending, {} failed", grouped_count(totals.pending),
                                 grouped_count(totals.sending), grouped_count(totals.failed));
  if (totals.oldest) text += fmt::format("; the oldest is {} old", age(totals.oldest->ago));
  text += '\n';
  for (const auto& [waits_for, count] : totals.waiting) {
    text += fmt::format("  {} wait: {}\n", grouped_count(count), explained(waits_for));
  }
  return text;
}

std::string queue_table(const std::vector<db::QueueStatus>& queue) {
  std::vector<Item> items;
  for (const auto& customer : queue) {
    items.push_back(
        {{short_name(customer.customer), grouped_count(customer.pending), grouped_count(customer.sending),
          grouped_count(customer.failed), customer.oldest ? age(customer.oldest->ago) : "", customer.waits_for},
         customer.last_error.value_or("")});
  }
  return listing("Deletion requests", {"CUSTOMER", "PENDING", "SENDING", "FAILED", "OLDEST", "WAITS FOR"}, items);
}

std::string daemons_table(const std::vector<db::DaemonStatus>& daemons) {
  std::vector<Item> items;
  for (const auto& daemon : daemons) {
    items.push_back({{std::to_string(daemon.id), short_name(daemon.host), std::to_string(daemon.pid),
                      printable(daemon.version), ago(daemon.started), daemon.alive ? ago(daemon.heartbeat) : "dead"}});
    for (const std::string& remark : remarks_on(daemon)) {
      items.back().note += (items.back().note.empty() ? "" : "; ") + remark;
    }
  }
  return items.empty() ? "\nNo daemon is running.\n"
                       : listing("Daemons", {"DAEMON", "HOST", "PID", "VERSION", "STARTED", "HEARTBEAT"}, items);
}

boost::json::value json_of(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

boost::json::value json_of(const std::optional<db::Moment>& moment) {
  return moment ? boost::json::value(moment->at) : boost::json::value(nullptr);
}

boost::json::object json_of(const db::CustomerStatus& customer) {
  const bool late = is_late(customer);
  return {{"name", customer.name},
          {"account", customer.account},
          {"active", customer.active},
          {"current_bounces", customer.current_bounces},
          {"last_poll_at", json_of(customer.last_poll_at)},
          {"last_full_at", json_of(customer.last_full_at)},
          {"next_poll_at", customer.next_poll_at.at},
          {"late_seconds", late ? std::lround(customer.next_poll_at.ago) : 0},
          {"being_polled", customer.being_polled},
          {"failures", customer.failures},
          {"last_error", json_of(customer.last_error)},
          {"last_error_at", json_of(customer.last_error_at)},
          {"held_since", json_of(customer.held_since)}};
}

boost::json::object json_of(const db::AccountStatus& account) {
  return {{"name", account.name},
          {"api", account.api},
          {"paused_until", json_of(account.paused_until)},
          {"paused_because", json_of(account.paused_because)},
          {"daily_limit", account.daily_limit ? boost::json::value(*account.daily_limit) : boost::json::value(nullptr)},
          {"deletions_today", account.deletions_today}};
}

boost::json::object json_of(const db::QueueStatus& customer) {
  return {
      {"name", customer.customer},
      {"pending", customer.pending},
      {"sending", customer.sending},
      {"failed", customer.failed},
      {"oldest_at", json_of(customer.oldest)},
      {"next_attempt_at", json_of(customer.next_attempt)},
      {"last_error", json_of(customer.last_error)},
      {"waits_for", customer.waits_for.empty() ? boost::json::value(nullptr) : boost::json::value(customer.waits_for)}};
}

boost::json::object json_of(const db::DaemonStatus& daemon) {
  return {{"id", daemon.id},
          {"host", daemon.host},
          {"pid", daemon.pid},
          {"version", daemon.version},
          {"started", daemon.started.at},
          {"heartbeat", daemon.heartbeat.at},
          {"alive", daemon.alive},
          {"customers", daemon.customers},
          {"disagrees", daemon.disagrees},
          {"stalls", daemon.stalls},
          {"in_flight", parsed_json(daemon.in_flight)}};
}

template <class Items>
boost::json::array json_list(const Items& items) {
  boost::json::array list;
  list.reserve(items.size());
  for (const auto& item : items) list.push_back(json_of(item));
  return list;
}

}  // namespace

bool is_late(const db::CustomerStatus& customer) {
  const double poll_may_take = customer.being_polled ? customer.poll_every : 0;
  return customer.active && !customer.account_paused &&
         customer.next_poll_at.ago > db::late_after_seconds + poll_may_take;
}

bool is_failing(const db::CustomerStatus& customer) {
  return customer.active && customer.failures > 0;
}

std::string status_text(const db::Status& status, bool queue) {
  const Totals totals(status.customers);
  std::string text = fmt::format(
      "{}, {} active: {} failing, {} held, {} never polled, {} late; {}\n", counted(totals.all, "customer"),
      grouped(totals.active), grouped(totals.failing), grouped(totals.held), grouped(totals.never_polled),
      grouped(totals.late),
      counted(static_cast<std::uint64_t>(std::max<std::int64_t>(totals.current_bounces, 0)), "current bounce"));
  if (totals.oldest != nullptr) {
    text += fmt::format("oldest list: {}, of {}\n", ago(totals.oldest->last_poll_at), printable(totals.oldest->name));
  }
  text += queue_summary(status.queue);
  if (queue) text += queue_table(status.queue);
  return text + paused_accounts(status.accounts) + failing_customers(status.customers) +
         remarkable_customers(status.customers) + late_customers(status.customers) + daemons_table(status.daemons);
}

std::string summary_text(const db::Summary& summary) {
  const auto number = [](std::int64_t count) { return static_cast<std::uint64_t>(std::max<std::int64_t>(count, 0)); };
  std::string text = counted(number(summary.customers), "customer") + ", ";
  text += summary.last_poll ? "last poll " + local_time(*summary.last_poll) : "none polled yet";
  text += summary.open_requests == 0
              ? ", no open deletion requests"
              : fmt::format(", {}{}", counted(number(summary.open_requests), "open deletion request"),
                            summary.open_requests == db::most_open_requests ? " or more" : "");
  if (summary.daemons > 1) text += ", " + counted(number(summary.daemons), "daemon");
  std::string wrong;
  if (summary.paused > 0) {
    wrong += fmt::format("; {} paused: {}: {}", counted(number(summary.paused), "account"),
                         summary.paused_account.value_or(""), summary.paused_because.value_or(""));
  }
  if (summary.failing > 0) {
    wrong += fmt::format("; {} failing: {}: {}", counted(number(summary.failing), "customer"),
                         summary.failing_customer.value_or(""), summary.failing_because.value_or(""));
  }
  if (summary.daemons == 0) wrong += "; the heartbeat cannot be written, and nothing is polled or deleted meanwhile";
  if (summary.stalls > 0) wrong += "; " + counted(number(summary.stalls), "stall") + ", which is a bug in bounced";
  if (summary.held > 0) wrong += "; " + counted(number(summary.held), "list") + " held";
  if (summary.late > 0) wrong += "; " + counted(number(summary.late), "customer") + " late";
  return text + (wrong.empty() ? "; all is well" : wrong + " (see: bounced status)");
}

std::string status_json(const db::Status& status) {
  const Totals totals(status.customers);
  const QueueTotals queue(status.queue);
  const boost::json::object document{{"now", status.now.at},
                                     {"totals", boost::json::object{{"customers", totals.all},
                                                                    {"active", totals.active},
                                                                    {"failing", totals.failing},
                                                                    {"held", totals.held},
                                                                    {"never_polled", totals.never_polled},
                                                                    {"late", totals.late},
                                                                    {"current_bounces", totals.current_bounces}}},
                                     {"customers", json_list(status.customers)},
                                     {"accounts", json_list(status.accounts)},
                                     {"queue", boost::json::object{{"pending", queue.pending},
                                                                   {"sending", queue.sending},
                                                                   {"failed", queue.failed},
                                                                   {"oldest_at", json_of(queue.oldest)},
                                                                   {"customers", json_list(status.queue)}}},
                                     {"daemons", json_list(status.daemons)}};
  return escaped_json(boost::json::serialize(document)) + "\n";
}

}  // namespace bounced::daemon
