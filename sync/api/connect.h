// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "sync/api/connection.h"
#include "sync/api/destination.h"

namespace bounced::api {

// A server, and what was learnt of the way to it.
struct Way {
  Destination to;
  // The address that worked last.
  std::optional<boost::asio::ip::tcp::endpoint> good = std::nullopt;
  // One that opened a connection on which no answer came: the others come first.
  std::optional<boost::asio::ip::tcp::endpoint> bad = std::nullopt;

  void gave_no_answer() {
    bad = good;
    good.reset();
  }
};

// Looks the name up and opens a connection, over TLS where the origin has it, within the limit. All addresses have a
// try, a quarter of a second after one another, or as soon as one has failed; the first that is ready is taken (RFC
// 8305). So one that is silent, in whatever step, holds up nobody. Throws TransportError, with what the first address
// met.
boost::asio::awaitable<std::unique_ptr<Connection>> connect(boost::asio::any_io_executor executor, Way& way,
                                                            boost::asio::ssl::context& tls, Connection::Duration limit);

// The same, of addresses that are known.
boost::asio::awaitable<std::unique_ptr<Connection>> connect_to(boost::asio::any_io_executor executor,
                                                               std::vector<boost::asio::ip::tcp::endpoint> addresses,
                                                               Way& way, boost::asio::ssl::context& tls,
                                                               Connection::Duration limit);

}  // namespace bounced::api
