// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace bounced::simulator {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Transport::Transport(Descriptor socket, Context context)
    : socket_(std::move(socket)), bell_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), context_(std::move(context)) {
  if (bell_.get() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (!context_) return;
  tls_.reset(SSL_new(context_.get()));
  if (!tls_ || SSL_set_fd(tls_.get(), socket_.get()) != 1) throw std::bad_alloc();
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void Transport::handshake() {
  if (!tls_) return;
  for (int result = 0; (result = SSL_accept(tls_.get())) != 1;) {
    if (!wait_for_tls(result)) throw Gone{};
  }
}

std::string Transport::tls_version() const {
  return tls_ ? SSL_get_version(tls_.get()) : "";
}

bool Transport::read(std::string& in) {
  std::array<char, 16 * 1024> bytes;
  while (true) {
    if (leaving_) throw Gone{};
    const auto got = tls_ ? SSL_read(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                          : static_cast<int>(recv(socket_.get(), bytes.data(), bytes.size(), 0));
    if (got > 0) {
      in.append(bytes.data(), static_cast<std::size_t>(got));
      return true;
    }
    if (idle_ && leave_when_idle_) return false;
    if (tls_ ? !wait_for_tls(got) : got == 0) return false;
    if (tls_) continue;
    if (errno != EAGAIN) throw Gone{};
    wait(POLLIN, std::nullopt, false);
  }
}

void Transport::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (leaving_) throw Gone{};
    const auto put = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                          : static_cast<int>(send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
    if (put > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (tls_) {
      if (!wait_for_tls(put)) throw Gone{};
    } else {
      if (errno != EAGAIN) throw Gone{};
      wait(POLLOUT, std::nullopt, false);
    }
  }
}

void Transport::wait_for_bell(std::optional<std::chrono::milliseconds> limit) {
  wait(POLLRDHUP, limit, true);
}

void Transport::say_goodbye() {
  if (tls_) SSL_shutdown(tls_.get());
  ERR_clear_error();
}

void Transport::reset_on_close() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
}

void Transport::ring() {
  eventfd_write(bell_.get(), 1);
}

void Transport::leave() {
  leaving_ = true;
  ring();
}

void Transport::leave_when_idle() {
  leave_when_idle_ = true;
  ring();
}

void Transport::wait(short events, std::optional<std::chrono::milliseconds> limit, bool until_rung) {
  std::array<pollfd, 2> fds = {{{socket_.get(), events, 0}, {bell_.get(), POLLIN, 0}}};
  const int ready = poll(fds.data(), fds.size(), limit ? static_cast<int>(limit->count()) : -1);
  if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  if (fds[1].revents != 0) {
    eventfd_t count = 0;
    eventfd_read(bell_.get(), &count);
  }
  if (leaving_ || (until_rung && ready > 0 && fds[0].revents != 0)) throw Gone{};
}

bool Transport::wait_for_tls(int result) {
  const int wanted = SSL_get_error(tls_.get(), result);
  ERR_clear_error();  // each thread has one queue, which the next call must find empty
  if (wanted == SSL_ERROR_ZERO_RETURN) return false;
  if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) throw Gone{};
  wait(wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, std::nullopt, false);
  return true;
}

}  // namespace bounced::simulator
