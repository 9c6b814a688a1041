// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <vector>

namespace bounced::api {

// The addresses of a host. Unlike Asio's resolver it can be cancelled: nobody waits for a name server that is silent,
// neither the call nor the io_context at the end of the program. Throws TransportError.
boost::asio::awaitable<std::vector<boost::asio::ip::tcp::endpoint>> resolve(std::string host, std::uint16_t port,
                                                                            std::chrono::milliseconds limit);

}  // namespace bounced::api
