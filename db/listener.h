// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "db/options.h"

namespace bounced::db {

class Pool;

// LISTENs on a connection of its own. A notification is a hint: none arrives while the connection is down, so whoever
// listens is also called after each connect, and looks at the tables by a timer as well.
class Listener {
 public:
  struct Events {
    std::function<void()> connected;                                                       // look: some may be missed
    std::function<void(const std::string& channel, const std::string& payload)> notified;  // while it is connected
    std::function<void(const std::string& why)> lost;  // no connection; it is tried again, which is not told
  };

  // The channels' names are taken as they are, case included. All is called on io.
  Listener(boost::asio::any_io_executor io, Options options, std::vector<std::string> channels, Events events);

  // Runs until it is cancelled, connecting again after first_delay, then twice that, up to a minute. Throws
  // NeedsAction when only a person can help.
  boost::asio::awaitable<void> run(std::chrono::milliseconds first_delay = std::chrono::seconds(1));

 private:
  boost::asio::awaitable<void> listen(Pool& pool, bool& connected);

  boost::asio::any_io_executor io_;
  Options options_;
  std::vector<std::string> channels_;
  Events events_;
};

}  // namespace bounced::db
