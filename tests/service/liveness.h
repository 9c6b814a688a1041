// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/service/fleet.h"

// What the liveness test measures, and its limits.
namespace bounced::test {

// Of the windows of this length, which one holds the most moments, by name.
struct Busiest {
  std::string name;
  std::size_t count = 0;
};

inline Busiest busiest(const std::map<std::string, std::vector<Moment>>& moments, Seconds window) {
  Busiest most;
  for (const auto& [name, times] : moments) {
    const std::size_t count = fullest_window(times, window);
    if (count > most.count) most = {name, count};
  }
  return most;
}

// The most intervals that any moment lies in, and which these are.
inline std::vector<std::pair<Moment, Moment>> most_at_once(const std::vector<std::pair<Moment, Moment>>& intervals) {
  std::vector<std::pair<Moment, int>> edges;
  for (const auto& [begin, end] : intervals) {
    edges.emplace_back(begin, 1);
    edges.emplace_back(end, -1);
  }
  std::ranges::sort(edges);  // at the same moment, ends come first
  int open = 0;
  int most = 0;
  Moment when;
  for (const auto& [moment, change] : edges) {
    open += change;
    if (open > most) when = moment;
    most = std::max(most, open);
  }
  std::vector<std::pair<Moment, Moment>> found;
  std::ranges::copy_if(intervals, std::back_inserter(found),
                       [&](const auto& one) { return most > 0 && one.first <= when && when < one.second; });
  return found;
}

// A counter that only grows, or begins anew: how fast it grew at most.
class Rate {
 public:
  explicit Rate(Seconds window) : window_(window) {}
  void sample(double value, Moment now) {
    if (!samples_.empty() && value < samples_.back().second) samples_.clear();
    samples_.emplace_back(now, value);
    while (samples_.size() > 2 && now - samples_[1].first >= window_) samples_.pop_front();
    const Seconds passed = now - samples_.front().first;
    if (passed >= window_) most_ = std::max(most_, (value - samples_.front().second) / passed.count());
  }
  [[nodiscard]] double most_a_second() const { return most_; }

 private:
  Seconds window_;
  std::deque<std::pair<Moment, double>> samples_;
  double most_ = 0;
};

}  // namespace bounced::test
