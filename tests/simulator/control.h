// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

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
//   size          customer
//   answer        customer, status, content_type, body, times   the next calls are answered like this
//   clear-answers
//   calls                                                       how many calls have arrived, these too
//
// Each answers with one line: a number, or "ok".
std::optional<Answer> control(Simulator& simulator, const Call& call);

}  // namespace bounced::simulator
