// SPDX-License-Identifier: Apache-2.0
#include "sync/api/resolve.h"

#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "sync/api/stopped.h"
#include "sync/api/transport_error.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// What the thread finds; it outlives whichever of the thread and the call ends first.
struct Found {
  std::mutex mutex;
  std::vector<tcp::endpoint> endpoints;
  std::string error;
};

void look_up(const std::string& host, std::uint16_t port, Found& found) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &first);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(first, &freeaddrinfo);
  const std::lock_guard lock(found.mutex);
  if (error != 0) found.error = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
  for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
    tcp::endpoint& endpoint = found.endpoints.emplace_back();
    endpoint.resize(each->ai_addrlen);
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    endpoint.port(port);
  }
}

}  // namespace

asio::awaitable<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port,
                                                    std::chrono::milliseconds limit) {
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (!error) co_return std::vector{tcp::endpoint(address, port)};

  // The thread touches nothing of Asio's. That it is done is told by the end of a pipe.
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw TransportError(std::string("no pipe: ") + std::strerror(errno));
  const auto done = std::make_shared<asio::posix::stream_descriptor>(co_await asio::this_coro::executor, ends[0]);
  const auto found = std::make_shared<Found>();
  try {
    std::thread([=, write_end = ends[1]] {
      look_up(host, port, *found);
      close(write_end);
    }).detach();
  } catch (const std::system_error&) {
    close(ends[1]);
    throw TransportError("no thread to look up the name " + host);
  }

  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  timer.async_wait([done](boost::system::error_code stopped) {
    if (!stopped) done->cancel();
  });
  // A read that ends, not a wait until it would: Asio's waits may end too early (an event that was still queued for a
  // descriptor that has just been closed goes to the next one).
  char none = 0;
  co_await done->async_read_some(asio::buffer(&none, 1), asio::redirect_error(asio::use_awaitable, error));
  const bool expired = timer.cancel() == 0;
  co_await throw_if_stopped();
  if (expired) throw TransportError("no answer from the name server about " + host);
  const std::lock_guard lock(found->mutex);
  if (!found->error.empty()) throw TransportError("cannot look up " + host + ": " + found->error);
  co_return found->endpoints;
}

}  // namespace bounced::api
