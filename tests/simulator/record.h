// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// What was asked and what became of it.
class Record {
 public:
  explicit Record(std::size_t keep) : keep_(keep) {}

  // For connections.
  std::uint64_t opened();  // the connection's number
  void handshake_ended(bool well);
  void closed();
  void arrived(Call& call);  // gives it its number
  void hold(bool begins);
  void sent(std::uint64_t body_bytes);
  void refused_v3();
  void ended(const Call& call);

  // For tests.
  [[nodiscard]] std::vector<Call> calls() const;
  [[nodiscard]] Counters counters() const;
  void forget();
  bool wait_for(const std::function<bool(const Counters&)>& wanted, std::chrono::milliseconds limit) const;

 private:
  template <class F>
  auto note(F f) {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    return f();
  }

  const std::size_t keep_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Counters counters_;
  std::uint64_t connections_ = 0;  // ever, and so for calls: their numbers go on when the counters are set to 0
  std::uint64_t calls_arrived_ = 0;
  std::uint64_t forgotten_ = 0;  // calls up to this number count no more
  std::deque<Call> calls_;       // the last ones, without a gap
};

}  // namespace bounced::simulator
