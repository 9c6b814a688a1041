// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/simulator/behaviour.h"
#include "tests/simulator/record.h"
#include "tests/simulator/transport.h"
#include "tests/simulator/v2.h"

namespace bounced::simulator {

// Answers what comes over one connection until it ends. Throws Gone.
void serve(Transport& transport, std::uint64_t connection, V2& api, Behaviour& behaviour, Record& record);

}  // namespace bounced::simulator
