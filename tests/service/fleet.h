// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

// What several daemons did, as the API and the test saw it, and whether that is as it should be.
namespace bounced::test {

using Moment = std::chrono::system_clock::time_point;
using Seconds = std::chrono::duration<double>;

// A call as the API saw it.
struct SeenCall {
  std::size_t daemon;
  std::string customer;
  Moment began;
  Moment ended;
};

// Something that was done to a daemon: while it lasted, others may take over what it had.
struct Deed {
  std::size_t daemon;
  bool killed;  // its process is gone; else it was stopped or cut off
  Moment began;
  Moment ended = Moment::max();
};

// A daemon is taken for dead 20 s after its last heartbeat, of which there is one every 5 s.
inline constexpr Seconds soonest_taken_for_dead{14.5};
// What a daemon sent, or was about to send, when it was stopped or cut off may arrive when that is over.
inline constexpr std::chrono::seconds stragglers{2};

// Whether two calls for one customer at the same time are explained by a daemon that was taken for dead.
inline bool is_explained(const SeenCall& first, const SeenCall& second, const std::vector<Deed>& deeds) {
  return std::ranges::any_of(deeds, [&](const Deed& deed) {
    const Moment takeover =
        deed.began + std::chrono::duration_cast<Moment::duration>(deed.killed ? Seconds(0) : soonest_taken_for_dead);
    if (deed.daemon == first.daemon) return deed.began <= first.ended && takeover <= second.began;
    // It was about to send that when it was held up.
    return deed.daemon == second.daemon && takeover <= second.began && deed.ended != Moment::max() &&
           second.began >= deed.ended - stragglers && second.began <= deed.ended + stragglers;
  });
}

struct Overlaps {
  int explained = 0;
  std::vector<std::string> wrong;  // customers
};

inline Overlaps overlaps(std::vector<SeenCall> calls, const std::vector<Deed>& deeds) {
  std::ranges::sort(calls, {}, &SeenCall::began);
  Overlaps found;
  std::map<std::string, std::vector<SeenCall>> open;
  for (const SeenCall& call : calls) {
    auto& earlier = open[call.customer];
    std::erase_if(earlier, [&](const SeenCall& one) { return one.ended <= call.began; });
    for (const SeenCall& one : earlier) {
      if (is_explained(one, call, deeds)) {
        ++found.explained;
      } else {
        found.wrong.push_back(call.customer);
      }
    }
    earlier.push_back(call);
  }
  return found;
}

// The most calls that any window of this length holds.
inline std::size_t fullest_window(std::vector<Moment> calls, Seconds length) {
  std::ranges::sort(calls);
  std::size_t fullest = 0;
  for (std::size_t first = 0, end = 0; first < calls.size(); ++first) {
    while (end < calls.size() && Seconds(calls[end] - calls[first]) < length) ++end;
    fullest = std::max(fullest, end - first);
  }
  return fullest;
}

// A time in which a customer had no end of a poll.
struct Gap {
  std::string customer;
  Moment began;
  Seconds length{};
};

// The longest one from any customer's first poll to `until`.
inline Gap longest_gap(const std::map<std::string, std::vector<Moment>>& polled, Moment until) {
  Gap longest;
  for (auto [customer, times] : polled) {
    times.push_back(until);
    std::ranges::sort(times);
    for (std::size_t i = 1; i < times.size(); ++i) {
      const Seconds length = times[i] - times[i - 1];
      if (length > longest.length) longest = {customer, times[i - 1], length};
    }
  }
  return longest;
}

}  // namespace bounced::test
