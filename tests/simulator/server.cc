// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace bounced::simulator {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Threads of ours take no signals: those are the program's, and SIGPIPE (OpenSSL writes without MSG_NOSIGNAL) nobody's.
template <class F>
std::thread quiet_thread(F f) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(f));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Server::Server(std::uint16_t port, Context context, Record& record, Handler handler)
    : record_(record), handler_(std::move(handler)), port_(port), context_(std::move(context)) {
  start();
}

void Server::start() {
  const std::lock_guard lock(start_stop_);
  if (acceptor_.joinable()) return;
  Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) fail("socket");
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener.get(), generic, size) != 0) fail("cannot listen on 127.0.0.1");
  if (listen(listener.get(), SOMAXCONN) != 0) fail("listen");
  if (getsockname(listener.get(), generic, &size) != 0) fail("getsockname");
  port_ = ntohs(address.sin_port);
  listener_ = std::move(listener);
  acceptor_ = quiet_thread([this] { accept_all(); });
}

void Server::stop() {
  const std::lock_guard lock(start_stop_);
  if (!acceptor_.joinable()) return;
  shutdown(listener_.get(), SHUT_RDWR);  // ends accept()
  acceptor_.join();
  listener_ = Descriptor();
  {
    const std::lock_guard connections_lock(mutex_);
    for (Connection& connection : connections_) {
      if (connection.transport) connection.transport->reset_on_close();
      if (connection.transport) connection.transport->leave();
    }
  }
  // None is added any more.
  for (Connection& connection : connections_) connection.thread.join();
  connections_.clear();
}

void Server::set_context(Context context) {
  const std::lock_guard lock(mutex_);
  context_ = std::move(context);
}

void Server::reset_next(std::uint64_t connections) {
  const std::lock_guard lock(mutex_);
  to_reset_ = connections;
}

void Server::close_idle() {
  const std::lock_guard lock(mutex_);
  for (Connection& connection : connections_) {
    if (connection.transport) connection.transport->leave_when_idle();
  }
}

void Server::ring_all() {
  const std::lock_guard lock(mutex_);
  for (Connection& connection : connections_) {
    if (connection.transport) connection.transport->ring();
  }
}

void Server::accept_all() {
  while (true) {
    Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.get() >= 0) {
      take(std::move(socket));
    } else if (errno == EINVAL) {
      return;  // shut down
    } else if (errno != EINTR && errno != ECONNABORTED) {
      fail("accept");
    }
  }
}

void Server::take(Descriptor socket) {
  const std::lock_guard lock(mutex_);
  join_ended();
  auto transport = std::make_unique<Transport>(std::move(socket), context_);
  if (to_reset_ > 0) {
    --to_reset_;
    transport->reset_on_close();
    return;
  }
  Connection& connection = connections_.emplace_back();
  connection.transport = std::move(transport);
  connection.thread = quiet_thread([this, &connection, &used = *connection.transport] { run(connection, used); });
}

void Server::run(Connection& connection, Transport& transport) {
  const std::uint64_t number = record_.opened();
  bool shaken = false;
  try {
    transport.handshake();
    shaken = true;
    record_.handshake_ended(true);
    handler_(transport, number);
  } catch (const Gone&) {
    if (!shaken) record_.handshake_ended(false);
  }
  std::unique_ptr<Transport> last;
  {
    const std::lock_guard lock(mutex_);
    last = std::move(connection.transport);
  }
  last.reset();
  record_.closed();
}

void Server::join_ended() {
  connections_.remove_if([](Connection& connection) {
    if (connection.transport) return false;
    connection.thread.join();
    return true;
  });
}

}  // namespace bounced::simulator
