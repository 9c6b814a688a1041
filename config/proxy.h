// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "config/config.h"
#include "config/section.h"

namespace bounced::config {

// What a `proxy` says: nothing at all, that there is none, or which one.
struct ProxyChoice {
  bool made = false;
  std::optional<Proxy> proxy = std::nullopt;
};

// Reads a `proxy`: none, an address, or {url, user, password}. Where the section has none: `inherited`.
ProxyChoice read_proxy(Section& section, const ProxyChoice& inherited, Report& report, const LoadOptions& options);

// By the variables HTTPS_PROXY and NO_PROXY, in capitals or not, as curl reads them: only for https. Throws
// std::invalid_argument where they name a proxy that cannot be.
std::optional<Proxy> proxy_of_environment(std::string_view base_url);

}  // namespace bounced::config
