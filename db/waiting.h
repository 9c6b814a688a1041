// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <utility>

namespace bounced {

// How a wait ended.
enum class Waited { released, timed_out, cancelled };
// What cancelling the coroutine does to its wait. Who winds up waits all the same; it must not throw by itself.
enum class WhenCancelled { wait_ends, wait_goes_on };

// Coroutines of one thread that wait for the same thing, first come, first served. Everything in the program that waits
// for an event inside the process waits by this class.
//
// A waiter that is released, whether before it suspends, while it waits, or when its time is over but it has not run
// yet, learns that it was released. Releasing never resumes anybody inside the call: waiters go on when the executor
// runs them. A waiter may be destroyed at any time, and so may the list, which cancels its waiters.
class WaitList {
 public:
  using Clock = std::chrono::steady_clock;

  // Lives in the frame of the coroutine that waits. It is in the list until it is released or cancelled, or its wait
  // has ended.
  class Waiter {
   public:
    explicit Waiter(WaitList& list);
    ~Waiter() { leave(); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // Does not wait for what has happened already, also before it was called: that it was released, or cancelled.
    boost::asio::awaitable<Waited> wait(Clock::time_point until = Clock::time_point::max(),
                                        WhenCancelled when_cancelled = WhenCancelled::wait_ends);

   private:
    friend WaitList;
    void end(Waited how);
    void leave();

    WaitList* list_;  // none: it is in none any more
    std::list<Waiter*>::iterator place_;
    boost::asio::steady_timer timer_;
    std::optional<Waited> ended_;
  };

  explicit WaitList(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~WaitList() { cancel_all(); }
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  boost::asio::awaitable<Waited> wait(Clock::time_point until = Clock::time_point::max(),
                                      WhenCancelled when_cancelled = WhenCancelled::wait_ends);

  // The one who has waited longest. Returns whether there was one.
  bool release_one() { return end_first(Waited::released); }
  void release_all() {
    while (end_first(Waited::released)) continue;
  }
  void cancel_all() {
    while (end_first(Waited::cancelled)) continue;
  }
  // This one, which must be in the list.
  static void release(Waiter& waiter) { waiter.end(Waited::released); }
  static void cancel(Waiter& waiter) { waiter.end(Waited::cancelled); }

  [[nodiscard]] std::size_t count() const { return waiters_.size(); }
  [[nodiscard]] bool empty() const { return waiters_.empty(); }
  // Longest wait first. Valid until somebody comes or goes.
  [[nodiscard]] const std::list<Waiter*>& waiters() const { return waiters_; }

 private:
  bool end_first(Waited how);

  boost::asio::any_io_executor executor_;
  std::list<Waiter*> waiters_;
};

}  // namespace bounced
