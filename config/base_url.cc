// SPDX-License-Identifier: Apache-2.0
#include "config/base_url.h"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <system_error>

namespace bounced::config {
namespace {

bool is_loopback(const boost::urls::url& url) {
  switch (url.host_type()) {
    case boost::urls::host_type::ipv4:
      return url.host_ipv4_address().is_loopback();
    case boost::urls::host_type::ipv6:
      return url.host_ipv6_address().is_loopback();
    default:
      return url.host() == "localhost";
  }
}

}  // namespace

bool is_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && rest == text.data() + text.size() && number > 0;
}

std::string parse_base_url(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) throw std::invalid_argument("is no URL; write one as https://sendgrid.com");
  boost::urls::url url(*parsed);
  // Lower case for scheme and host, so that "LOCALHOST" is known.
  url.normalize();
  const bool https = url.scheme() == "https";
  if (!https && url.scheme() != "http") throw std::invalid_argument("must begin with https://");
  if (url.host().empty()) throw std::invalid_argument("names no host; write one as https://sendgrid.com");
  if (url.has_userinfo()) {
    throw std::invalid_argument("holds a user or password before the host; remove it (they belong to user and key)");
  }
  if (url.has_query() || url.has_fragment()) {
    throw std::invalid_argument("holds a query (?…) or fragment (#…); remove it");
  }
  if (url.has_port() && !is_port(url.port())) {
    throw std::invalid_argument("has no port from 1 to 65535 after the colon");
  }
  if (!https && !is_loopback(url)) {
    throw std::invalid_argument(
        "must begin with https://; http:// is for loopback addresses only, since it shows the key");
  }
  std::string address(url.buffer());
  address.erase(address.find_last_not_of('/') + 1);
  return address;
}

}  // namespace bounced::config
