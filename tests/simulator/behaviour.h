// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <list>
#include <mutex>

#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// How calls are to be answered, where not as usual.
class Behaviour {
 public:
  void add(Calls calls, Answer answer, std::uint64_t times);
  void clear();
  void set_hook(std::function<std::optional<Answer>(const Call&)> hook);
  void set_framing(std::optional<Framing> framing, std::size_t chunk);
  void set_gzip(Gzip gzip);
  // The answer to this call, which uses up one of the times that it is wanted.
  Answer choose(const Call& call);

  void release() { ++releases_; }
  [[nodiscard]] std::uint64_t releases() const { return releases_; }

 private:
  struct Rule {
    Calls calls;
    Answer answer;
    std::uint64_t left;  // 0: for ever
  };
  Answer by_rule(const Call& call);

  std::mutex mutex_;
  std::list<Rule> rules_;
  std::function<std::optional<Answer>(const Call&)> hook_;
  std::optional<Framing> framing_;
  std::size_t chunk_ = Answer{}.chunk;
  Gzip gzip_ = Gzip::if_accepted;
  std::atomic<std::uint64_t> releases_ = 0;
};

}  // namespace bounced::simulator
