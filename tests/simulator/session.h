// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/behaviour.h"
#include "tests/simulator/record.h"
#include "tests/simulator/transport.h"
#include "tests/simulator/v2.h"
#include "tests/simulator/v3.h"

namespace bounced::simulator {

struct Apis {
  V2& v2;
  V3& v3;
};

// Answers what comes over one connection until it ends. Throws Gone.
void serve(Transport& transport, std::uint64_t connection, Apis apis, Behaviour& behaviour, Record& record);

}  // namespace bounced::simulator
