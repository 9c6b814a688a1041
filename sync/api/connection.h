// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "sync/api/destination.h"

namespace boost::asio::ssl {
class context;
}

namespace bounced::api {

// How servers' certificates are verified: by the system's trust anchors, and by those in the file besides, or by these
// alone. TLS 1.2 at least, with forward secrecy. Throws std::runtime_error if the file cannot be used.
std::shared_ptr<boost::asio::ssl::context> make_tls_context(const std::optional<std::filesystem::path>& ca_file,
                                                            bool ca_only = false);

// A connection over TLS or plain TCP. Each operation has a deadline of its own and throws TransportError; a cancelled
// one throws system_error(operation_aborted). After either, the connection can only be destroyed. It is closed without
// a goodbye: nobody waits for the other side's.
class Connection {
 public:
  using Duration = std::chrono::milliseconds;

  Connection(boost::asio::any_io_executor executor, const Destination& to, boost::asio::ssl::context& tls);
  ~Connection();

  // TCP to that address, which is the proxy's where there is one, the tunnel, and TLS. See connect().
  boost::asio::awaitable<void> open(boost::asio::ip::tcp::endpoint address,
                                    std::chrono::steady_clock::time_point deadline);
  boost::asio::awaitable<void> write(boost::asio::const_buffer bytes, Duration limit);
  // Whether the other side has neither sent anything that was not asked for, nor closed it. What is not quiet can only
  // be destroyed.
  bool is_quiet();
  // How many bytes came; 0: the other side has properly closed it (over TLS: has said so).
  boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer, Duration limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bounced::api
