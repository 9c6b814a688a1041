// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bounced::api {

// What an answer that is no list looks like, and what it says.
struct Words {
  enum class Shape {
    nothing,  // no bytes, or blanks only
    message,  // an object or element as the API's: an error, or {"message": …}; text may be empty
    page,     // HTML or plain text, as proxies send it
    other,    // something else, or something broken
  };
  Shape shape;
  std::string text;  // as it stands there: neither cleaned nor cut
  // They stand in {"errors": …}, which is how v3 says errors. What stands before it, a gateway, has other ways.
  bool in_errors = false;
};

// Looks at the bytes alone: the Content-Type of these answers is often wrong.
Words read_words(std::string_view body);

}  // namespace bounced::api
