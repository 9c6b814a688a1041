// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "sync/api/origin.h"

namespace boost::asio::ssl {
class context;
}

namespace bounced::api {

// How servers' certificates are verified: by the system's trust anchors, and by those in the file besides. TLS 1.2 at
// least. Throws std::runtime_error if the file cannot be used.
std::shared_ptr<boost::asio::ssl::context> make_tls_context(const std::optional<std::filesystem::path>& ca_file);

// A connection over TLS or plain TCP. Each operation has a deadline of its own and throws TransportError; a cancelled
// one throws system_error(operation_aborted). After either, the connection can only be destroyed. It is closed without
// a goodbye: nobody waits for the other side's.
class Connection {
 public:
  using Duration = std::chrono::milliseconds;

  Connection(boost::asio::any_io_executor executor, const Origin& origin, boost::asio::ssl::context& tls);
  ~Connection();

  // Name, TCP and TLS, together within the limit.
  boost::asio::awaitable<void> open(Duration limit);
  boost::asio::awaitable<void> write(boost::asio::const_buffer bytes, Duration limit);
  // How many bytes came; 0: the other side has properly closed it (over TLS: has said so).
  boost::asio::awaitable<std::size_t> read_some(boost::asio::mutable_buffer buffer, Duration limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bounced::api
