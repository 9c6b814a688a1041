// SPDX-License-Identifier: Apache-2.0
#include "sync/api/origin.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <stdexcept>

namespace bounced::api {

Origin parse_origin(std::string_view base_url) {
  const auto url = boost::urls::parse_uri({base_url.data(), base_url.size()});
  if (!url || url->host().empty() || (url->scheme() != "https" && url->scheme() != "http")) {
    throw std::runtime_error("not an address of an API: " + std::string(base_url));
  }
  Origin origin;
  origin.tls = url->scheme() == "https";
  origin.host = url->host_address();
  origin.port = url->has_port() ? url->port_number() : origin.tls ? 443 : 80;
  origin.authority = url->encoded_host_and_port();
  origin.path = url->encoded_path();
  while (origin.path.ends_with('/')) origin.path.pop_back();
  return origin;
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (plain.find(byte) != plain.npos) {
      encoded += byte;
    } else {
      encoded.append({'%', digits[value >> 4], digits[value & 15]});
    }
  }
  return encoded;
}

}  // namespace bounced::api
