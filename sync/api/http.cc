// SPDX-License-Identifier: Apache-2.0
#include "sync/api/http.h"

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <initializer_list>
#include <optional>

#include "config/secret.h"
#include "sync/api/parse/inflate.h"
#include "sync/api/transport_error.h"

namespace bounced::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

class HttpAnswer::Impl {
 public:
  Impl(HttpClient& client, std::unique_ptr<Connection> connection, const Budget& budget)
      : client_(client), connection_(std::move(connection)), budget_(budget) {}

  asio::awaitable<void> start(const std::string& request);
  asio::awaitable<std::string_view> read();
  void give_back();
  [[nodiscard]] bool begun() const { return parser_ && parser_->got_some(); }

  HttpClient& client_;
  std::unique_ptr<Connection> connection_;
  HttpHead head_;
  std::uint64_t body_bytes_ = 0;
  Budget budget_;
  bool kept_ = false;  // the connection was used before

 private:
  asio::awaitable<void> read_head();
  asio::awaitable<std::string_view> read_packed();
  asio::awaitable<void> receive(std::chrono::milliseconds limit);
  void note_head();

  using Parser = http::response_parser<http::buffer_body>;

  std::optional<Parser> parser_;
  boost::beast::flat_buffer received_;
  std::array<char, piece_bytes> piece_;
  std::optional<Inflate> inflate_;  // where the body is packed
  std::string_view packed_;         // what of piece_ is still to be unpacked
  std::array<char, piece_bytes> unpacked_;
};

namespace {

// Of a head, a chunk's head, or trailers: far more than real ones have, and little to hold.
constexpr std::uint32_t head_limit = 64 * 1024;
// A server sends one or two, if any.
constexpr int most_heads_of_1xx = 20;

struct WipedAtEnd {
  std::array<std::string*, 3> texts;
  std::vector<std::pair<std::string, std::string>>* headers;
  ~WipedAtEnd() {
    for (std::string* text : texts) config::wipe(*text);
    for (auto& [name, value] : *headers) config::wipe(value);
  }
};

// Time that is spent waiting for the network.
class NetworkWait {
 public:
  explicit NetworkWait(Budget& budget) : budget_(budget) {}
  ~NetworkWait() { budget_.waited(std::chrono::ceil<Budget::Duration>(std::chrono::steady_clock::now() - began_)); }
  NetworkWait(const NetworkWait&) = delete;
  NetworkWait& operator=(const NetworkWait&) = delete;

 private:
  Budget& budget_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

TransportError took_too_long() {
  return TransportError("the answer took too long in all");
}

TransportError not_http(const error_code& error) {
  if (error == http::error::partial_message || error == http::error::end_of_stream) {
    return TransportError("the connection was closed before the answer was whole", TransportError::Reason::closed);
  }
  return TransportError("the answer is not valid HTTP: " + error.message());
}

}  // namespace

asio::awaitable<void> HttpAnswer::Impl::start(const std::string& request) {
  {
    const NetworkWait wait(budget_);
    co_await connection_->write(asio::buffer(request), budget_.within(client_.deadlines_.first_byte));
  }
  // Heads of 1xx come before the one that counts.
  int heads = 0;
  do {
    if (++heads > most_heads_of_1xx) throw TransportError("the answer does not begin: heads of 1xx without end");
    parser_.emplace();
    parser_->header_limit(head_limit);
    parser_->body_limit(boost::none);
    co_await read_head();
  } while (parser_->get().result_int() < 200);
  parser_->eager(true);
  note_head();
}

asio::awaitable<void> HttpAnswer::Impl::read_head() {
  bool begun = received_.size() > 0;
  while (true) {
    error_code error;
    if (received_.size() > 0) received_.consume(parser_->put(received_.data(), error));
    if (error && error != http::error::need_more) throw not_http(error);
    if (parser_->is_header_done()) co_return;
    co_await receive(begun ? client_.deadlines_.silence : client_.deadlines_.first_byte);
    begun = true;
  }
}

// Reads from the network into received_, or tells the parser that no more comes.
asio::awaitable<void> HttpAnswer::Impl::receive(std::chrono::milliseconds limit) {
  if (received_.size() >= head_limit) throw TransportError("the answer is not valid HTTP: a chunk's head without end");
  if (budget_.used_up()) throw took_too_long();
  std::size_t size = 0;
  try {
    const NetworkWait wait(budget_);
    size = co_await connection_->read_some(received_.prepare(piece_bytes), budget_.within(limit));
  } catch (const TransportError&) {
    if (budget_.used_up()) throw took_too_long();
    throw;
  }
  received_.commit(size);
  if (size > 0) co_return;
  error_code error;
  if (!parser_->got_some()) error = http::error::end_of_stream;
  if (!error) parser_->put_eof(error);
  if (error) throw not_http(error);
}

void HttpAnswer::Impl::note_head() {
  const auto& fields = parser_->get();
  const auto value = [&](std::string_view name) { return std::string(fields[{name.data(), name.size()}]); };
  head_.status = static_cast<int>(fields.result_int());
  head_.location = value("Location");
  head_.date = value("Date");
  head_.link = value("Link");
  head_.retry_after = value("Retry-After");
  head_.rate_limit = value("X-RateLimit-Limit");
  head_.rate_limit_remaining = value("X-RateLimit-Remaining");
  head_.rate_limit_reset = value("X-RateLimit-Reset");
  const auto encoding = fields[http::field::content_encoding];
  if (boost::beast::iequals(encoding, "gzip") || boost::beast::iequals(encoding, "x-gzip")) {
    inflate_.emplace();
  } else if (!encoding.empty() && !boost::beast::iequals(encoding, "identity")) {
    throw TransportError("the answer is packed in a way that was not asked for");
  }
}

// The next bytes of the body without its framing; none: it has ended.
asio::awaitable<std::string_view> HttpAnswer::Impl::read_packed() {
  auto& body = parser_->get().body();
  body.data = piece_.data();
  body.size = piece_.size();
  while (!parser_->is_done() && body.size == piece_.size()) {
    error_code error;
    std::size_t used = 0;
    if (received_.size() > 0) {
      used = parser_->put(received_.data(), error);
      received_.consume(used);
    }
    if (error && error != http::error::need_more && error != http::error::need_buffer) throw not_http(error);
    const bool stuck = used == 0 || error == http::error::need_more;
    if (stuck && !parser_->is_done() && body.size == piece_.size()) co_await receive(client_.deadlines_.silence);
  }
  const std::size_t size = piece_.size() - body.size;
  // What came first on a connection that was kept may be an answer that nobody asked for.
  if (size == 0 && kept_ && received_.size() > 0) throw TransportError("more came than the answer to one call");
  body_bytes_ += size;
  co_return std::string_view(piece_.data(), size);
}

asio::awaitable<std::string_view> HttpAnswer::Impl::read() {
  if (!inflate_) co_return co_await read_packed();
  while (true) {
    std::size_t size = 0;
    try {
      size = inflate_->read(packed_, unpacked_);
    } catch (const Inflate::Broken& broken) {
      throw TransportError(broken.what());
    }
    if (size > 0) co_return std::string_view(unpacked_.data(), size);
    packed_ = co_await read_packed();
    if (!packed_.empty()) continue;
    if (!inflate_->finished() && body_bytes_ > 0) throw TransportError("the gzip stream was cut off");
    co_return std::string_view();
  }
}

void HttpAnswer::Impl::give_back() {
  const bool reusable = parser_ && parser_->is_done() && parser_->keep_alive() && received_.size() == 0;
  if (reusable) client_.idle_.push_back({std::move(connection_), std::chrono::steady_clock::now()});
}

HttpAnswer::HttpAnswer(HttpClient& client, std::unique_ptr<Connection> connection, const Budget& budget)
    : impl_(std::make_unique<Impl>(client, std::move(connection), budget)) {}

HttpAnswer::~HttpAnswer() {
  impl_->give_back();
}

const HttpHead& HttpAnswer::head() const {
  return impl_->head_;
}

asio::awaitable<std::string_view> HttpAnswer::read() {
  return impl_->read();
}

void HttpAnswer::earn(std::uint64_t bytes) {
  impl_->budget_.earn(bytes);
}

std::uint64_t HttpAnswer::body_bytes() const {
  return impl_->body_bytes_;
}

HttpClient::HttpClient(asio::any_io_executor executor, Destination to, std::shared_ptr<asio::ssl::context> tls,
                       const Deadlines& deadlines)
    : executor_(std::move(executor)), way_{.to = std::move(to)}, tls_(std::move(tls)), deadlines_(deadlines) {}

asio::awaitable<std::unique_ptr<HttpAnswer>> HttpClient::send(HttpRequest request) {
  std::string bytes = write_out(request);
  // Wherever it stood, the key was in it.
  const WipedAtEnd wiped{{&bytes, &request.target, &request.body}, &request.headers};
  Budget budget(deadlines_.total, deadlines_.bytes_per_second);
  bool sent_twice = false;
  if (auto idle = take_idle()) {
    auto answer = std::make_unique<HttpAnswer>(*this, std::move(idle), budget);
    answer->impl_->kept_ = true;
    try {
      co_await answer->impl_->start(bytes);
      if (answer->head().status != 408) co_return answer;
    } catch (const TransportError& error) {
      if (error.reason() != TransportError::Reason::closed || answer->impl_->begun()) throw;
    }
    budget = answer->impl_->budget_;
    sent_twice = true;
  }
  std::unique_ptr<Connection> connection;
  {
    const NetworkWait wait(budget);
    connection = co_await connect(executor_, way_, *tls_, budget.within(deadlines_.connect));
  }
  auto answer = std::make_unique<HttpAnswer>(*this, std::move(connection), budget);
  answer->sent_twice_ = sent_twice;
  try {
    co_await answer->impl_->start(bytes);
  } catch (const TransportError&) {
    way_.gave_no_answer();
    throw;
  }
  co_return answer;
}

// In one buffer, which the caller wipes.
std::string HttpClient::write_out(const HttpRequest& request) const {
  std::size_t size = request.target.size() + request.body.size() + 1024;
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + 4;
  std::string text;
  text.reserve(size);
  const auto add = [&text](std::initializer_list<std::string_view> pieces) {
    for (const std::string_view piece : pieces) text += piece;
  };
  add({request.method, " ", request.target, " HTTP/1.1\r\nHost: ", origin().authority});
  add({"\r\nUser-Agent: bounced/" BOUNCED_VERSION "\r\nAccept: ", request.accept, "\r\nAccept-Encoding: gzip\r\n"});
  for (const auto& [name, value] : request.headers) add({name, ": ", value, "\r\n"});
  if (!request.body.empty()) {
    const std::string length = std::to_string(request.body.size());
    add({"Content-Type: ", request.content_type, "\r\nContent-Length: ", length, "\r\n"});
  }
  add({"\r\n", request.body});
  return text;
}

// The connection that was used last: the others may get old and be closed.
std::unique_ptr<Connection> HttpClient::take_idle() {
  // Below what servers, and routers that forget silently, keep one for.
  constexpr auto longest = std::chrono::seconds(30);
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(idle_, [&](const Idle& idle) { return now - idle.since > longest; });
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back().connection);
    idle_.pop_back();
    if (connection->is_quiet()) return connection;
  }
  return nullptr;
}

}  // namespace bounced::api
