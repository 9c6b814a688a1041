// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/secret.h"
#include "sync/api/origin.h"

namespace bounced::api {

// An HTTP proxy that gives tunnels (CONNECT).
struct Proxy {
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;
  std::string authority;  // for people: host:port
  // "user:password" for Basic authentication.
  std::optional<config::Secret> credentials = std::nullopt;
};

// A server, and the proxy that stands before it, if any.
struct Destination {
  Origin origin;
  std::optional<Proxy> proxy = std::nullopt;
};

}  // namespace bounced::api
