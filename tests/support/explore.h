// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace bounced::test {

// Plays every sequence of up to so many events, each from the beginning, since there is no way to take an event back.
// `play` is given the sequence, and returns false where one of its events was not possible: what follows it is left
// out. Returns how many were played.
template <class Event, class Play>
std::size_t explore(std::vector<Event>& sequence, std::size_t depth, int events, const Play& play) {
  if (!play(sequence)) return 0;
  std::size_t played = 1;
  if (sequence.size() == depth || testing::Test::HasFailure()) return played;
  for (int event = 0; event < events; ++event) {
    sequence.push_back(static_cast<Event>(event));
    played += explore(sequence, depth, events, play);
    sequence.pop_back();
  }
  return played;
}

}  // namespace bounced::test
