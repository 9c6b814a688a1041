// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace bounced::simulator {

// So many calls with each key in each window of time.
class RateLimit {
 public:
  struct Verdict {
    bool refused = false;
    std::uint64_t limit = 0;
    std::uint64_t remaining = 0;
    std::int64_t reset = 0;  // unix seconds, when the window is over
  };

  void set(std::uint64_t requests, std::chrono::seconds per);  // 0: no limit
  // Counts a call; nullopt without a limit.
  std::optional<Verdict> count(const std::string& key);

 private:
  struct Window {
    std::chrono::system_clock::time_point ends;
    std::uint64_t remaining = 0;
  };

  std::mutex mutex_;
  std::uint64_t requests_ = 0;
  std::chrono::seconds per_{};
  std::map<std::string, Window> windows_;  // by key
};

}  // namespace bounced::simulator
