// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace bounced::test {

// Passes TCP connections on from one address to another, on a thread of its own.
class Relay {
 public:
  // Listens on address:port (0: any free one), passes on to 127.0.0.1:to. Throws std::system_error.
  Relay(const std::string& address, std::uint16_t port, std::uint16_t to);
  ~Relay();
  std::uint16_t port() const;

  // As a cable that is pulled: nothing passes in either direction, and nobody is told, until mend(). What was sent
  // meanwhile arrives then.
  void cut();
  void mend();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bounced::test
