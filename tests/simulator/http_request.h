// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/simulator/transport.h"

namespace bounced::simulator {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string target;
  Pairs headers;
  std::string body;
  bool keep_alive = false;
};

// Reads requests from one connection.
class RequestReader {
 public:
  explicit RequestReader(Transport& transport) : transport_(transport) {}
  // Nullopt at the connection's end. Throws Gone also at bytes that are no HTTP.
  std::optional<Request> next();

 private:
  Transport& transport_;
  std::string in_;  // read, and not used yet
};

std::string percent_decoded(std::string_view text);
// Appends the pairs of name=value&…, decoded.
void append_form(Pairs& out, std::string_view form);
std::string_view reason_phrase(int status);

}  // namespace bounced::simulator
