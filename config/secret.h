// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace bounced::config {

// A text that cannot be printed by accident: it has no stream operator, no formatter and no conversion.
class Secret {
 public:
  explicit Secret(std::string text) : text_(std::move(text)) {}

  // The one way to the text. Call it only where the text is put on the wire.
  [[nodiscard]] const std::string& reveal() const { return text_; }

  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace bounced::config
