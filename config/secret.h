// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string.h>

#include <string>
#include <utility>

namespace bounced::config {

// Overwrites what held a secret.
inline void wipe(std::string& text) {
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
  text.clear();
}

// A text that cannot be printed by accident: it has no stream operator, no formatter and no conversion. It is
// overwritten when it goes.
class Secret {
 public:
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  Secret& operator=(const Secret& other) {
    if (this != &other) *this = Secret(other);
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    std::swap(text_, other.text_);
    return *this;
  }
  ~Secret() { wipe(text_); }

  // The one way to the text. Call it only where the text is put on the wire.
  [[nodiscard]] const std::string& reveal() const { return text_; }

  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace bounced::config
