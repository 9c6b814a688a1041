// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulator/escape.h"
#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// A list that is a function of its seed: the bounce at any place is made when it is wanted.
class Generated {
 public:
  Generated() = default;
  Generated(std::uint64_t seed, std::uint64_t count) : seed_(seed), count_(count) {}

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Writes the bounce at this place, escaped, over `out`, whose memory is used again.
  void write(std::uint64_t place, Text into, Bounce& out) const;
  // Whether it is the address of the place before: one in fifty is.
  [[nodiscard]] bool repeats_address(std::uint64_t place) const;
  // Where this address stands.
  [[nodiscard]] std::vector<std::uint64_t> places_of(std::string_view email) const;

 private:
  [[nodiscard]] std::uint64_t random(std::uint64_t place, std::uint64_t purpose) const;
  // The place whose own address stands at this place.
  [[nodiscard]] std::uint64_t address_of(std::uint64_t place) const {
    return repeats_address(place) ? place - 1 : place;
  }
  void append_address(std::string& out, std::uint64_t address) const;

  std::uint64_t seed_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace bounced::simulator
