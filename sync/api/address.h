// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bounced::api {

// An email address that a deletion may name. The API empties a customer's whole list when it is asked to delete a blank
// address, so no object of this type is one: it is made by parse() alone and never changes (a move copies).
class Address {
 public:
  // The address with the blanks at its ends trimmed; or why it is none: "is blank", "has control characters", "is
  // longer than 1000 bytes", "is not valid UTF-8". Characters that show nothing count as blanks.
  static std::variant<Address, std::string> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  explicit Address(std::string_view text) : text_(text) {}

  // const: nothing can be moved out of it, nor assigned.
  const std::string text_;
};

// One address or more, never none.
class Addresses {
 public:
  Addresses(Address first) { all_.push_back(std::move(first)); }  // NOLINT: one is some
  void add(Address address) { all_.push_back(std::move(address)); }

  [[nodiscard]] const std::vector<Address>& all() const { return all_; }

 private:
  std::vector<Address> all_;
};

}  // namespace bounced::api
