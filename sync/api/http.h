// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/api/budget.h"
#include "sync/api/client.h"
#include "sync/api/connect.h"
#include "sync/api/connection.h"

// HTTP/1.1 as a client of one server, over connections that are kept alive between requests.
namespace bounced::api {

struct HttpRequest {
  std::string method = "GET";
  std::string target;                                             // path and query, percent-encoded
  std::string accept;                                             // a media type
  std::vector<std::pair<std::string, std::string>> headers = {};  // others
  std::string content_type = {};                                  // of the body
  std::string body = {};                                          // empty: there is none

  // Without the query, in which the key may be.
  [[nodiscard]] std::string path() const { return target.substr(0, target.find('?')); }
};

struct HttpHead {
  int status = 0;
  std::string location;
  std::string date;
  std::string link;
  std::string retry_after;
  std::string rate_limit;
  std::string rate_limit_remaining;
  std::string rate_limit_reset;
};

class HttpClient;

// An answer whose head has come. Its connection is used again if the body was read to its end, else closed.
class HttpAnswer {
 public:
  HttpAnswer(HttpClient& client, std::unique_ptr<Connection> connection, const Budget& budget);
  HttpAnswer(const HttpAnswer&) = delete;
  HttpAnswer& operator=(const HttpAnswer&) = delete;
  ~HttpAnswer();

  [[nodiscard]] const HttpHead& head() const;
  // Whether the request was sent a second time, on a new connection.
  [[nodiscard]] bool sent_twice() const { return sent_twice_; }
  // The next bytes of the body, unpacked, at most piece_bytes; none: it has ended, as its framing and its packing say.
  // They are valid until the next call. Throws TransportError.
  boost::asio::awaitable<std::string_view> read();
  // So much of the body was worth waiting for: the exchange may go on for longer.
  void earn(std::uint64_t bytes);
  // Of the body so far, as it came over the wire.
  [[nodiscard]] std::uint64_t body_bytes() const;

  static constexpr std::size_t piece_bytes = 16 * 1024;

 private:
  friend HttpClient;
  class Impl;
  std::unique_ptr<Impl> impl_;
  bool sent_twice_ = false;
};

class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor executor, Destination to, std::shared_ptr<boost::asio::ssl::context> tls,
             const Deadlines& deadlines);

  [[nodiscard]] const Origin& origin() const { return way_.to.origin; }

  // Sends the request and waits for the answer's head. On a connection that was kept and that the server closes, or
  // answers with 408 since it was idle for too long, it is sent once more on a new one: so it must be a request that
  // may arrive twice. A kept connection on which anything came is not used: it would be taken for the answer. All of
  // it, and reading the answer, has one budget. Throws TransportError.
  boost::asio::awaitable<std::unique_ptr<HttpAnswer>> send(HttpRequest request);

 private:
  friend HttpAnswer;

  struct Idle {
    std::unique_ptr<Connection> connection;
    std::chrono::steady_clock::time_point since;
  };

  std::string write_out(const HttpRequest& request) const;
  std::unique_ptr<Connection> take_idle();

  boost::asio::any_io_executor executor_;
  Way way_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  Deadlines deadlines_;
  std::vector<Idle> idle_;
};

}  // namespace bounced::api
