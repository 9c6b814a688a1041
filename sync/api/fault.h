// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace bounced::api {

// Why the API did not do what it was asked.
struct Fault {
  enum class Kind {
    credentials,     // the account's user or key is wrong
    not_permitted,   // the account has no right to this customer, or to this kind of call
    rate_limited,    // too many requests; retry_after, if the server gave one
    unavailable,     // no answer, a broken one, or a server's own trouble: worth another try
    refused,         // the server understood and will not
    not_understood,  // an answer that is none: not a list, not an error that we know
  };
  // Who said so. Only the API's own words say anything about the request.
  enum class Origin {
    api,      // an error in one of the API's documented shapes, with words in it
    between,  // a page, a redirect, an empty or foreign answer: of a proxy, for instance
    network,  // there was no whole answer
    ours,     // no request was sent: a limit that we keep
  };
  Kind kind;
  // One line for people: where, what happened and, in quotes, at most 500 bytes of the server's own words, without
  // control characters, without the account's key.
  std::string message;
  std::optional<std::chrono::seconds> retry_after;
  int http_status = 0;  // 0: there was no answer
  Origin origin = Origin::between;
  // The request was sent a second time, and this is the answer to that one: the first may have been carried out.
  bool sent_twice = false;
};

// The short name that logs and tables use: "credentials", "not_permitted", …
const char* name(Fault::Kind kind);
const char* name(Fault::Origin origin);

}  // namespace bounced::api
