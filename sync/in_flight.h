// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bounced::sync {

// The deadlines of steps that several have: what no working step needs.
//
// For a turn and a place. A turn comes once in a rate limit's window at least, which is to be added; a place may be
// held by long lists, a short pause waited out.
inline constexpr std::chrono::minutes turn_budget{30};
// For an answer of the API, or its next part: the limits of the exchange end it long before.
inline constexpr std::chrono::minutes answer_budget{15};
// For work at the database: each statement has a limit of ten minutes at the server.
inline constexpr std::chrono::minutes database_budget{15};

// What this daemon has in flight: since when, what it waits for now, and by when that must have come to an end.
// Whoever waits sets the deadline of the step that it is in, well above the limits of that step's own, so that nothing
// but a bug outlives it. For one thread.
class InFlight {
  struct State;

 public:
  using Clock = std::chrono::steady_clock;
  using Duration = std::chrono::duration<double>;

  struct Item {
    std::string what;  // "poll"
    std::string whom;  // a customer or an account
    Clock::time_point since;
    std::string waits_for;  // "its turn"
    Clock::time_point step_since;
    std::optional<Clock::time_point> deadline;
  };

  // Something in flight, as long as this lives. One that was made without begin() is nothing.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept;
    Entry& operator=(Entry&& other) noexcept;
    ~Entry();

    // The next step begins.
    void waits_for(std::string what, Duration at_most);

   private:
    friend class InFlight;
    Entry(std::shared_ptr<State> state, std::uint64_t id) : state_(std::move(state)), id_(id) {}
    std::shared_ptr<State> state_;
    std::uint64_t id_ = 0;
  };

  InFlight();

  // `break_off` makes it end soon, without resuming anybody in the call; none: it cannot be broken off.
  Entry begin(std::string what, std::string whom, std::function<void()> break_off = {});

  // Looks for stalls: what has outlived its deadline by stall_after. Breaks those off, and returns each once. Time in
  // which nobody looked (the process was stopped) is nobody's delay.
  std::vector<Item> check(Clock::time_point now);
  // Whether something stalled that could not be broken off. Only another start helps.
  [[nodiscard]] bool stuck() const;

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] std::int64_t stalls() const;  // so far
  // Those that began first.
  [[nodiscard]] std::vector<Item> oldest(std::size_t most) const;

  static constexpr std::chrono::seconds stall_after{30};
  // How often to look.
  static constexpr std::chrono::seconds check_every{5};

 private:
  std::shared_ptr<State> state_;
};

// The same as JSON, for the daemon's row: {"count": 3, "oldest": [{"what": …, "whom": …, "seconds": 12.3,
// "waits_for": …, "step_seconds": 1.2, "late": false}]}.
std::string in_flight_json(const InFlight& in_flight, InFlight::Clock::time_point now);

}  // namespace bounced::sync
