// SPDX-License-Identifier: Apache-2.0
#include "db/listener.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "db/pool.h"
#include "db/session.h"

namespace asio = boost::asio;

namespace bounced::db {

Listener::Listener(asio::any_io_executor io, Options options, std::vector<std::string> channels, Events events)
    : io_(std::move(io)), options_(std::move(options)), channels_(std::move(channels)), events_(std::move(events)) {}

asio::awaitable<void> Listener::run(std::chrono::milliseconds first_delay) {
  constexpr std::chrono::milliseconds longest_delay = std::chrono::minutes(1);
  Pool pool(io_, options_, 1);  // for its thread: connecting blocks
  asio::steady_timer timer(io_);
  std::chrono::milliseconds delay = first_delay;
  bool told = false;
  while (true) {
    bool connected = false;
    std::string why;
    try {
      co_await listen(pool, connected);
    } catch (const Unavailable& e) {
      why = e.what();
    }
    if (connected) {
      delay = first_delay;
      told = false;
    }
    if (!std::exchange(told, true) && events_.lost) events_.lost(why);
    timer.expires_after(delay);
    co_await timer.async_wait(asio::use_awaitable);
    delay = std::min(2 * delay, longest_delay);
  }
}

// Returns by Unavailable only.
asio::awaitable<void> Listener::listen(Pool& pool, bool& connected) {
  Pool::Lease lease = co_await pool.lease();
  const int copy = co_await lease.run([this](Session& session) {
    for (const std::string& channel : channels_) session.listen(channel);
    const int descriptor = ::dup(session.socket());
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "dup");
    return descriptor;
  });
  // A copy, since this object closes it and libpq closes its own.
  asio::posix::stream_descriptor socket(io_, copy);
  connected = true;
  if (events_.connected) events_.connected();
  while (true) {
    // Before the first wait too: what came with the answer to LISTEN is in libpq's buffer, not in the socket.
    const auto told = co_await lease.run([](Session& session) { return session.take_notifications(); });
    for (const auto& [channel, payload] : told)
      if (events_.notified) events_.notified(channel, payload);
    co_await socket.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  }
}

}  // namespace bounced::db
