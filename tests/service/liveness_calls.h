// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/service/liveness.h"
#include "tests/service/liveness_world.h"

namespace bounced::test {

// What the APIs of the liveness test were asked: within the limits, and never in a tight loop.
class SeenCalls {
 public:
  using Interval = std::pair<Moment, Moment>;

  void add(const Plan& plan, const std::vector<simulator::Call>& calls) {
    std::vector<Moment> times;
    std::vector<Interval> lists, removals;
    for (const auto& call : calls) {
      times.push_back(call.time);
      ++count_;
      const Moment end = call.ended.value_or(std::chrono::system_clock::now());
      if (end - call.time > longest_exchange) {
        too_long_.push_back(
            fmt::format("{} {} {:.0f} s", call.customer(), call.task(), Seconds(end - call.time).count()));
      }
      const bool is_list = call.task() == "get";
      if (call.ended && call.answered) {
        // Looks for subusers are limited together with lists.
        (call.task() == "delete" ? removals : lists)
            .emplace_back(call.time, std::max(call.time, *call.ended - noted_late));
      }
      if (call.status != 200 && call.status != 204 && !says_not_listed(call))
        refusals_[plan.name + " " + call.task()].push_back(call.time);
      // What was limited is bounded by the pause.
      if (call.status == 429) continue;
      if (is_list && begins_a_list(call)) reads_[call.customer()].push_back(call.time);
      if (call.task() == "delete")
        removals_[call.customer() + call.path + call.parameter("email") + call.body].push_back(call.time);
    }
    if (plan.calls > 0) {
      const int held_up = 2 * plan.calls / plan.window;
      EXPECT_LE(fullest_window(times, std::chrono::seconds(plan.window)),
                static_cast<std::size_t>(plan.calls + plan.calls / 20 + held_up))
          << plan.name << ": its limit of calls";
    }
    const auto concurrency = static_cast<std::size_t>(plan.concurrency);
    const auto removed_at_once = most_at_once(removals);
    EXPECT_LE(removed_at_once.size(), concurrency)
        << plan.name << ": deletions at once" << shown(removed_at_once, calls);
    // Slow ones may be there beside the others, as many again.
    const auto read_at_once = most_at_once(lists);
    EXPECT_LE(read_at_once.size(), 2 * concurrency) << plan.name << ": lists at once" << shown(read_at_once, calls);
    lists_.insert(lists_.end(), lists.begin(), lists.end());
    deletions_.insert(deletions_.end(), removals.begin(), removals.end());
  }

  void expect_limits(std::size_t lists_at_once, std::size_t deletions_at_once) {
    EXPECT_LE(most_at_once(deletions_).size(), 2 * deletions_at_once) << "deletions at once";
    EXPECT_LE(most_at_once(lists_).size(), 2 * lists_at_once) << "lists at once";
    EXPECT_THAT(too_long_, testing::IsEmpty()) << "exchanges that were not broken off";
    most_reads_ = busiest(reads_, window);
    most_removals_ = busiest(removals_, window);
    most_refusals_ = busiest(refusals_, window);
    // The shortest interval makes three or four; what was interrupted by the database is read again, each time.
    EXPECT_LE(most_reads_.count, 16U) << most_reads_.name << ": reads of a list in ten seconds";
    EXPECT_LE(most_removals_.count, 6U) << most_removals_.name << ": calls for the same deletion in ten seconds";
    EXPECT_LE(most_refusals_.count, 60U) << most_refusals_.name << ": calls in ten seconds that were refused";
  }

  [[nodiscard]] std::string told() const {
    return fmt::format("{} calls; most in {:.0f} s: {} reads of {}, the same deletion {} times, {} refused calls ({})",
                       count_, window.count(), most_reads_.count, most_reads_.name, most_removals_.count,
                       most_refusals_.count, most_refusals_.name);
  }

 private:
  static constexpr Seconds window{10};
  // On a busy machine the server's thread notes an end when the client has made its next call already. And calls, when
  // they could connect at last, arrive together with later ones: those of two seconds.
  static constexpr std::chrono::milliseconds noted_late{250};
  // The client waits for two minutes; nothing here is so long that it would wait for more.
  static constexpr Seconds longest_exchange{150};

  // v3's own word, which ends a request. A page that says 404 is longer.
  static bool says_not_listed(const simulator::Call& call) {
    return call.is_v3() && call.task() == "delete" && call.status == 404 && call.body_bytes < 100;
  }

  // v3: the pages that follow have a place, or an end in time.
  static bool begins_a_list(const simulator::Call& call) {
    const std::string offset = call.parameter("offset");
    return (offset.empty() || offset == "0") && call.parameter("end_time").empty();
  }

  // The calls of these intervals, for who looks into a failure.
  static std::string shown(const std::vector<Interval>& intervals, const std::vector<simulator::Call>& calls) {
    std::string text;
    for (const auto& [begin, end] : intervals) {
      const auto call = std::ranges::find(calls, begin, &simulator::Call::time);
      text += fmt::format("\n  {:%H:%M:%S}, {:.3f} s: {} {} {} {}: HTTP {}, connection {}", begin,
                          Seconds(*call->ended - begin).count(), call->customer(), call->method, call->path, call->body,
                          call->status, call->connection);
    }
    return text;
  }

  std::size_t count_ = 0;
  std::map<std::string, std::vector<Moment>> reads_, removals_, refusals_;
  std::vector<Interval> lists_, deletions_;
  std::vector<std::string> too_long_;
  Busiest most_reads_, most_removals_, most_refusals_;
};

}  // namespace bounced::test
