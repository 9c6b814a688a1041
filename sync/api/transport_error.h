// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace bounced::api {

// There was no whole answer: what() says why, in words for people.
class TransportError : public std::runtime_error {
 public:
  enum class Reason {
    closed,  // the other side closed or reset the connection
    other,
  };

  explicit TransportError(const std::string& what, Reason reason = Reason::other)
      : std::runtime_error(what), reason_(reason) {}

  [[nodiscard]] Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

}  // namespace bounced::api
