// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bounced::api {

// Where an API is.
struct Origin {
  bool tls = true;
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 443;
  std::string authority;  // as the Host header wants it
  std::string path;       // before the API's own; without a slash at the end
};

// The base_url of an account, which was checked when the configuration was loaded. Throws std::runtime_error.
Origin parse_origin(std::string_view base_url);

// "host:port"; an IPv6 address stands in brackets.
std::string host_and_port(const std::string& host, std::uint16_t port);

// For a query or a form: everything but letters, digits and -._~ becomes %XX.
std::string percent_encode(std::string_view text);

}  // namespace bounced::api
