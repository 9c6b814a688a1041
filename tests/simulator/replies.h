// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulator/escape.h"

// What mail servers say when they refuse a mail, as made-up lists need it: by provider, in the words of each.
namespace bounced::simulator {

// A reply with its holes, escaped beforehand: filling it in is copying.
struct Reply {
  enum class Hole { none, email, domain, id, ip };
  struct Piece {
    std::string text;
    Hole hole = Hole::none;  // what stands after the text
  };
  std::string status;
  std::vector<Piece> reason;
};

struct Provider {
  std::vector<std::string_view> domains;  // none: a domain of the recipient's own
  std::vector<Reply> replies;
};

// The providers as they are spread over a list: common ones stand several times.
const std::vector<Provider>& providers(Text into);

}  // namespace bounced::simulator
