// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// For scripts: what the simulator can be told by calls to /control/…, with parameters as in the API. Nullopt for
// calls to elsewhere.
//
//   add           customer, email, status, reason, created   one bounce; what is left out is as usual
//   add-some      customer, count
//   remove        customer, email
//   remove-some   customer, count
//   generate      customer, seed, count
//   clear         customer                                      its list is empty
//   gzip          on                                            1: for those who accept it, as usual; 0: never
//   size          customer
//   answer        customer, status, content_type, body, times, hold   the next calls are answered like this; with hold:
//                                                               not before they are given up
//   clear-answers
//   calls                                                       how many calls have arrived, these too
//   api-calls                                                   the same without calls of /control
//   churn         customer, count                               before each page of v3 so many bounces leave the list,
//                                                               and half as many come
//   slow          ms                                            so long every deletion takes from now on
//   last-deletion                                               when the last one arrived, in microseconds since 1970
//   polls                                                       when lists were asked for since the last `polls`, each
//                                                               in a line: customer and microseconds since 1970. The
//                                                               first one begins it
//
// Each but polls answers with one line: a number, or "ok".
class Control {
 public:
  explicit Control(Simulator& simulator) : simulator_(simulator) {}
  std::optional<Answer> operator()(const Call& call);

 private:
  std::string obey(std::string_view command, const Call& call);
  void note_poll(const Call& call);
  void churn(const Call& call);
  std::string polls();
  std::string obey_for_customer(std::string_view command, const Call& call);

  Simulator& simulator_;
  std::atomic<std::uint64_t> deletion_ms_ = 0;
  std::atomic<std::int64_t> last_deletion_us_ = 0;
  std::atomic<std::uint64_t> api_calls_ = 0;
  std::mutex mutex_;
  bool notes_polls_ = false;
  std::vector<std::pair<std::string, std::int64_t>> polls_;  // customer, when
  std::pair<std::string, std::uint64_t> churn_;
};

}  // namespace bounced::simulator
