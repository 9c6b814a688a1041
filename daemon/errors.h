// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace bounced::daemon {

// The program's exit codes, which unit files and scripts rely on.
enum Exit : int {
  well = 0,
  failed = 1,
  needs_action = 2,  // a person must change something first: to start again would not help
};

// A person must change something first. what() says what.
class MustChange : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace bounced::daemon
