// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <unordered_map>

#include "sync/decision.h"

namespace bounced::sync {

// What an account's calls of late say about whose trouble a fault is: a failure is forgotten after a quarter of an
// hour. Pure logic.
class Troubles {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // A call for the customer got its answer.
  void answered(CallKind calls, const std::string& customer);
  // A call for the customer met a fault. Returns what is known about it.
  Met fault(const api::Fault& fault, CallKind calls, const std::string& customer, bool many, Time now);

 private:
  // A customer whose calls fail while others' are answered has a trouble of its own, until it is answered. It says
  // nothing about the others.
  class Row {
   public:
    void answered(const std::string& customer);
    void failed(const std::string& customer, Time now);
    [[nodiscard]] InARow in_a_row(const std::string& customer) const;
    // Nobody else failed since the last answer.
    [[nodiscard]] bool fails_alone(const std::string& customer) const;

   private:
    struct Failures {
      int count = 0;  // in a row
      Time last{};
      bool fresh = true;  // the first of them came after the last answer
    };
    std::unordered_map<std::string, Failures> failures_;  // by customer
  };

  std::array<Row, 3> calls_;          // by kind of call
  Row credentials_;                   // refused ones
  std::array<std::string, 2> known_;  // customers that the key got answers for, the last one first
};

}  // namespace bounced::sync
