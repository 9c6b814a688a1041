// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/service/liveness_world.h"

// When what happens in the liveness test.
namespace bounced::test {

// Something that goes wrong, and passes.
struct Mishap {
  std::string what;
  std::function<void()> begin;
  std::function<void()> end = [] {};
};
// Makes one of its kind.
using MishapMaker = std::function<Mishap(Draw&)>;

class Script {
 public:
  struct Step {
    std::string what;
    std::function<void()> act;
  };

  // One mishap after the other, each kind once before any comes again; most last so long at most, some four times that.
  void fill(Draw& draw, double seconds, const std::vector<MishapMaker>& makers, double longest, double pause) {
    std::vector<std::size_t> deck;
    for (double at = draw.between(0.2, pause); at < seconds; at += draw.between(0.2, pause)) {
      if (deck.empty()) {
        for (std::size_t i = 0; i < makers.size(); ++i) deck.push_back(i);
        draw.shuffle(deck);
      }
      const Mishap mishap = makers[deck.back()](draw);
      deck.pop_back();
      steps_.emplace(at, Step{"begin " + mishap.what, mishap.begin});
      at = std::min(seconds, at + draw.between(0.3, draw.chance(0.15) ? 4 * longest : longest));
      steps_.emplace(at, Step{"end   " + mishap.what, mishap.end});
    }
  }
  // By the second.
  [[nodiscard]] const std::multimap<double, Step>& steps() const { return steps_; }

 private:
  std::multimap<double, Step> steps_;
};

}  // namespace bounced::test
