// SPDX-License-Identifier: Apache-2.0
// Every order in which waiters can come, be released, run out of time, be cancelled, and go.
#include "db/waiting.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/explore.h"

namespace bounced {
namespace {

namespace asio = boost::asio;

constexpr int most_waiters = 3;

// The events of a sequence. `step` runs one handler, so that others can come between what was posted and what it does.
enum class Do {
  come,             // somebody waits, without end
  come_briefly,     // somebody waits whose time is over at once
  come_winding_up,  // somebody waits whom cancelling does not concern
  release_one,
  release_all,
  cancel_all,
  cancel_first,  // its coroutine
  cancel_last,
  destroy_list,
  step,
};
constexpr int events = 10;

class World {
 public:
  // Returns whether it is possible now.
  bool happen(Do what) {
    if (what == Do::step) {
      io_->restart();
      return io_->poll_one() > 0;
    }
    inside_ = true;
    const bool possible = act(what);
    inside_ = false;
    return possible;
  }

  // What is released or cancelled must end; what is not must still wait.
  void settle() {
    run_all();
    for (const auto& visitor : visitors_) {
      ASSERT_EQ(visitor->ended.has_value(), visitor->must_end) << "somebody waits for good, or ended for no reason";
      if (visitor->must_be_released) {
        ASSERT_EQ(*visitor->ended, Waited::released) << "a release was lost";
      }
      if (visitor->ended == Waited::released) {
        ASSERT_TRUE(visitor->was_released) << "nobody released it";
      }
      if (visitor->ended == Waited::timed_out) {
        ASSERT_TRUE(visitor->brief);
      }
    }
    if (list_) {
      std::size_t waiting = 0;
      for (const auto& visitor : visitors_) waiting += visitor->ended ? 0U : 1U;
      ASSERT_EQ(list_->count(), waiting);
      list_->cancel_all();
    }
    run_all();
    for (const auto& visitor : visitors_) ASSERT_TRUE(visitor->ended);
    ASSERT_TRUE(io_->stopped()) << "something is left to run";
    ASSERT_FALSE(resumed_inside_);
  }

  // Nothing breaks if all frames are destroyed in the midst of it.
  void destroy_frames() { io_.reset(); }

 private:
  struct Visitor {
    asio::cancellation_signal signal;
    std::optional<Waited> ended;
    bool begun = false;
    bool brief = false;
    bool winding_up = false;
    bool in_list = false;
    bool was_released = false;
    bool must_be_released = false;
    bool must_end = false;
  };

  asio::awaitable<void> wait(Visitor& visitor) {
    visitor.begun = true;
    if (visitor.winding_up) co_await asio::this_coro::throw_if_cancelled(false);
    if (!list_) {
      visitor.must_end = true;
      visitor.ended = Waited::cancelled;
      co_return;
    }
    visitor.in_list = true;
    const auto until = visitor.brief ? WaitList::Clock::time_point::min() : WaitList::Clock::time_point::max();
    const auto when = visitor.winding_up ? WhenCancelled::wait_goes_on : WhenCancelled::wait_ends;
    WaitList::Waiter waiter(*list_);
    // Something may happen between, as where a loop is started for the one who waits.
    if (!visitor.winding_up) co_await asio::post(*io_, asio::use_awaitable);
    visitor.ended = co_await waiter.wait(until, when);
    visitor.in_list = false;
    resumed_inside_ = resumed_inside_ || inside_;
  }

  void come(bool brief, bool winding_up) {
    auto& visitor = *visitors_.emplace_back(std::make_unique<Visitor>());
    visitor.brief = brief;
    visitor.winding_up = winding_up;
    visitor.must_end = brief;
    asio::co_spawn(*io_, wait(visitor),
                   asio::bind_cancellation_slot(visitor.signal.slot(), [&visitor](const std::exception_ptr& e) {
                     if (!e) return;  // else it was cancelled before it began to wait
                     visitor.ended = Waited::cancelled;
                     visitor.must_be_released = false;
                     visitor.in_list = false;
                   }));
  }

  bool act(Do what) {
    const bool comes = what == Do::come || what == Do::come_briefly || what == Do::come_winding_up;
    if (comes) {
      if (!list_ || visitors_.size() == most_waiters) return false;
      come(what == Do::come_briefly, what == Do::come_winding_up);
      return true;
    }
    if (what == Do::cancel_first || what == Do::cancel_last) {
      if (visitors_.empty() || (what == Do::cancel_last && visitors_.size() == 1)) return false;
      Visitor& visitor = what == Do::cancel_first ? *visitors_.front() : *visitors_.back();
      // Boost 1.83 throws out of run() where what was spawned outside is cancelled before it begins; we spawn inside.
      if (visitor.ended || !visitor.begun) return false;
      if (!visitor.winding_up) visitor.must_end = true;
      visitor.signal.emit(asio::cancellation_type::terminal);
      return true;
    }
    if (!list_) return false;
    switch (what) {
      case Do::release_one:
        if (list_->empty()) return false;
        note_first(true);
        return list_->release_one();
      case Do::release_all:
        if (list_->empty()) return false;
        while (note_first(true)) continue;
        list_->release_all();
        return true;
      case Do::cancel_all:
        if (list_->empty()) return false;
        while (note_first(false)) continue;
        list_->cancel_all();
        return true;
      default:
        while (note_first(false)) continue;
        list_.reset();
        return true;
    }
  }

  // The model's own list.
  bool note_first(bool release) {
    for (const auto& visitor : visitors_) {
      if (visitor->ended || !visitor->in_list) continue;
      visitor->in_list = false;
      visitor->must_end = true;
      visitor->was_released = release;
      visitor->must_be_released = release;
      return true;
    }
    return false;
  }

  void run_all() {
    do io_->restart();
    while (io_->poll() > 0);
  }

  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::unique_ptr<asio::io_context> io_ = std::make_unique<asio::io_context>(1);
  std::unique_ptr<WaitList> list_ = std::make_unique<WaitList>(io_->get_executor());
  bool inside_ = false;
  bool resumed_inside_ = false;
};

std::string text(const std::vector<Do>& sequence) {
  constexpr std::array<const char*, events> names{"come",         "come_briefly", "come_winding_up", "release_one",
                                                  "release_all",  "cancel_all",   "cancel_first",    "cancel_last",
                                                  "destroy_list", "step"};
  std::string words;
  for (const Do what : sequence) words += std::string(names[static_cast<std::size_t>(what)]) + " ";
  return words;
}

// False where it is not possible.
bool play(const std::vector<Do>& sequence) {
  World world;
  for (const Do event : sequence) {
    if (!world.happen(event)) return false;
  }
  const testing::ScopedTrace trace(__FILE__, __LINE__, text(sequence));
  if (sequence.size() % 2 == 0) {
    world.settle();
  } else {
    world.destroy_frames();
  }
  return true;
}

TEST(Waiting, NoOrderOfEventsLosesAnybody) {
  std::vector<Do> sequence;
  const std::size_t played = test::explore(sequence, 6, events, play);
  RecordProperty("sequences", static_cast<int>(played));
  EXPECT_GT(played, 10000U);
}

}  // namespace
}  // namespace bounced
