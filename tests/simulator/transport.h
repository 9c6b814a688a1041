// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/simulator/certificates.h"

namespace bounced::simulator {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// Thrown where a connection cannot go on: the client has left, or the simulator stops.
struct Gone {};

// One connection that was accepted, used by one thread, which it makes wait. Plain sockets and OpenSSL rather than
// Asio: a server that cuts, holds and resets at any byte has to do the writing itself.
class Transport {
 public:
  // The context is null for plain TCP.
  Transport(Descriptor socket, Context context);

  // For the connection's thread. Each throws Gone.
  void handshake();
  [[nodiscard]] std::string tls_version() const;  // "" without TLS
  // Appends what has arrived; false at the client's end of the connection.
  bool read(std::string& in);
  void write(std::string_view bytes);
  // Waits until rung, or for so long. The client's leaving is noticed meanwhile.
  void wait_for_bell(std::optional<std::chrono::milliseconds> limit = std::nullopt);
  void say_goodbye();  // TLS's close; the destructor sends only FIN
  void reset_on_close();

  // For other threads.
  void ring();   // wakes wait_for_bell
  void leave();  // makes everything throw Gone
  // Makes read() return false where it waits for a next request, now or later.
  void leave_when_idle();
  void set_idle(bool idle) { idle_ = idle; }  // for the connection's thread: it waits for a next request

 private:
  void wait(short events, std::optional<std::chrono::milliseconds> limit, bool until_rung);
  // Waits for what OpenSSL wants after a call with this result; false if the stream has ended.
  bool wait_for_tls(int result);

  Descriptor socket_;
  Descriptor bell_;
  Context context_;
  std::unique_ptr<SSL, Free<SSL_free>> tls_;
  std::atomic<bool> leaving_ = false;
  std::atomic<bool> leave_when_idle_ = false;
  bool idle_ = false;
};

}  // namespace bounced::simulator
