// SPDX-License-Identifier: Apache-2.0
#include "daemon/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "daemon/status_view.h"
#include "daemon/text.h"
#include "db/daemons.h"

namespace bounced::daemon {
namespace {

// A retry comes after a quarter of an hour at most, and a queue that moves is shorter.
constexpr double old_request_seconds = 3600;

// A monitoring system shows the beginning.
constexpr std::size_t longest_line = 500;
constexpr std::size_t longest_error = 120;

// "2 customers failing (a@example.com: HTTP 500)"
class Trouble {
 public:
  Trouble(std::string noun, std::string what) : noun_(std::move(noun)), what_(std::move(what)) {}

  // `weight`: that of which it is greatest is the example.
  void add(const std::string& name, const std::string& why, double weight) {
    ++count_;
    if (count_ > 1 && weight <= weight_) return;
    weight_ = weight;
    example_ = name + (why.empty() ? "" : ": " + shortened(printable(why), longest_error));
  }
  void tell(std::vector<std::string>& troubles) const {
    if (count_ > 0) troubles.push_back(fmt::format("{} {} ({})", counted(count_, noun_), what_, example_));
  }

 private:
  std::string noun_;
  std::string what_;
  std::uint64_t count_ = 0;
  double weight_ = 0;
  std::string example_;
};

// The heartbeat itself counts: after a restart of the server the database takes nobody for dead for a while.
bool is_at_work(const db::DaemonStatus& daemon) {
  return daemon.alive && daemon.heartbeat.ago < db::dead_after_seconds;
}

void add_customers(const std::vector<db::CustomerStatus>& customers, std::vector<std::string>& troubles) {
  Trouble failing("customer", "failing");
  Trouble late("customer", "late");
  Trouble held("list", "held");
  for (const db::CustomerStatus& customer : customers) {
    if (is_failing(customer)) failing.add(customer.name, customer.last_error.value_or(""), customer.failures);
    if (is_late(customer)) late.add(customer.name, "by " + age(customer.next_poll_at.ago), customer.next_poll_at.ago);
    if (customer.active && customer.held_since) {
      held.add(customer.name, "for " + age(customer.held_since->ago), customer.held_since->ago);
    }
  }
  for (const Trouble* trouble : {&failing, &late, &held}) trouble->tell(troubles);
}

std::vector<std::string> troubles_of(const db::Status& status) {
  std::vector<std::string> troubles;
  Trouble paused("account", "paused");
  for (const db::AccountStatus& account : status.accounts) {
    if (!account.paused_until) continue;
    const double left = -account.paused_until->ago;
    paused.add(account.name, "for another " + age(left) + ": " + account.paused_because.value_or(""), left);
  }
  paused.tell(troubles);
  add_customers(status.customers, troubles);
  Trouble old("customer", "with deletion requests of more than an hour");
  for (const db::QueueStatus& queue : status.queue) {
    if (!queue.oldest || queue.oldest->ago < old_request_seconds) continue;
    const std::string why = queue.waits_for.empty() ? "" : ", waits for: " + queue.waits_for;
    old.add(queue.customer, age(queue.oldest->ago) + " old" + why, queue.oldest->ago);
  }
  old.tell(troubles);
  std::int64_t stalls = 0;
  for (const db::DaemonStatus& daemon : status.daemons) stalls += is_at_work(daemon) ? daemon.stalls : 0;
  if (stalls > 0) {
    troubles.push_back(counted(static_cast<std::uint64_t>(stalls), "stall") + " since the daemon's start");
  }
  return troubles;
}

std::string joined(const std::vector<std::string>& parts) {
  return shortened(printable(fmt::format("{}", fmt::join(parts, "; "))), longest_line);
}

}  // namespace

Health health_of(const db::Status& status) {
  std::vector<std::string> troubles = troubles_of(status);
  const auto at_work = static_cast<std::uint64_t>(std::ranges::count_if(status.daemons, is_at_work));
  if (at_work == 0) {
    troubles.insert(troubles.begin(), "no daemon is running, or none can write its heartbeat");
    return {Health::down, "DOWN: " + joined(troubles)};
  }
  if (!troubles.empty()) return {Health::degraded, "DEGRADED: " + joined(troubles)};
  const auto active = static_cast<std::uint64_t>(std::ranges::count_if(status.customers, &db::CustomerStatus::active));
  return {Health::ok, "OK: " + counted(active, "customer") + ", " + counted(at_work, "daemon")};
}

Health down(const std::string& why) {
  return {Health::down, "DOWN: " + joined({why})};
}

}  // namespace bounced::daemon
