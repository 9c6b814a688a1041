// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "config/config.h"
#include "sync/api/origin.h"

namespace bounced::api {

// A server, and the proxy that stands before it, if any.
struct Destination {
  Origin origin;
  std::optional<config::Proxy> proxy = std::nullopt;
};

}  // namespace bounced::api
