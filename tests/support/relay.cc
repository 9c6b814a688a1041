// SPDX-License-Identifier: Apache-2.0
#include "tests/support/relay.h"

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <thread>

namespace bounced::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using Socket = std::shared_ptr<tcp::socket>;

struct Relay::Impl {
  asio::io_context io{1};
  tcp::acceptor acceptor;
  std::uint16_t to;
  std::atomic<bool> is_cut = false;
  std::thread thread;

  Impl(const std::string& address, std::uint16_t port, std::uint16_t target)
      : acceptor(io, {asio::ip::make_address(address), port}), to(target) {
    // A relay has no failures of its own that would matter: a connection that breaks breaks on both sides.
    asio::co_spawn(io, accept(), asio::detached);
    thread = std::thread([this] { io.run(); });
  }
  ~Impl() {
    io.stop();
    thread.join();
  }

  asio::awaitable<void> accept() {
    while (true) {
      auto from = std::make_shared<tcp::socket>(co_await acceptor.async_accept(asio::use_awaitable));
      asio::co_spawn(io, connect(std::move(from)), asio::detached);
    }
  }

  asio::awaitable<void> connect(Socket from) {
    co_await while_cut();
    auto onward = std::make_shared<tcp::socket>(io);
    const auto [error] =
        co_await onward->async_connect({asio::ip::address_v4::loopback(), to}, asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    asio::co_spawn(io, pass(from, onward), asio::detached);
    asio::co_spawn(io, pass(onward, from), asio::detached);
  }

  asio::awaitable<void> while_cut() {
    while (is_cut) {
      asio::steady_timer timer(io, std::chrono::milliseconds(20));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  asio::awaitable<void> pass(Socket from, Socket onward) {
    std::array<char, 16384> buffer{};
    while (true) {
      const auto [error, size] =
          co_await from->async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
      co_await while_cut();
      if (error) break;
      const auto [broken, written] =
          co_await asio::async_write(*onward, asio::buffer(buffer, size), asio::as_tuple(asio::use_awaitable));
      if (broken) break;
    }
    boost::system::error_code ignored;
    from->close(ignored);
    onward->close(ignored);
  }
};

Relay::Relay(const std::string& address, std::uint16_t port, std::uint16_t to)
    : impl_(std::make_unique<Impl>(address, port, to)) {}
Relay::~Relay() = default;
void Relay::cut() {
  impl_->is_cut = true;
}
void Relay::mend() {
  impl_->is_cut = false;
}
std::uint16_t Relay::port() const {
  return impl_->acceptor.local_endpoint().port();
}

}  // namespace bounced::test
