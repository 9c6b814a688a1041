// SPDX-License-Identifier: Apache-2.0
#include "sync/api/connection.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "sync/api/stopped.h"
#include "sync/api/transport_error.h"

namespace bounced::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::beast::tcp_stream;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Reason = TransportError::Reason;

std::shared_ptr<asio::ssl::context> make_tls_context(const std::optional<std::filesystem::path>& ca_file,
                                                     bool ca_only) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(asio::ssl::verify_peer);
  // Of TLS 1.2; those of 1.3 have forward secrecy all.
  if (SSL_CTX_set_cipher_list(context->native_handle(), "kEECDH:kEDH:!aNULL:!eNULL:!PSK:!SRP") != 1) {
    throw std::runtime_error("TLS cannot be set up: no cipher with forward secrecy");
  }
  if (!ca_only) context->set_default_verify_paths();
  error_code error;
  if (ca_file) context->load_verify_file(ca_file->string(), error);
  if (error) throw std::runtime_error("no certificates can be read from " + ca_file->string() + ": " + error.message());
  return context;
}

namespace {

constexpr std::uint32_t longest_head_of_proxy = 64 * 1024;

std::string base64(std::string_view text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return encoded;
}

bool is_close(const error_code& error) {
  return error == asio::error::eof || error == asio::error::connection_reset || error == asio::error::broken_pipe ||
         error == asio::ssl::error::stream_truncated;
}

std::string words(const error_code& error) {
  if (error == boost::beast::error::timeout) return "no answer in time";
  if (error == asio::ssl::error::stream_truncated) return "the connection was cut off";
  if (error == asio::error::connection_reset || error == asio::error::broken_pipe) return "the connection was reset";
  return error.message();
}

// Which certificate the server must show.
void expect_host(SSL* ssl, const std::string& host) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1) return;
  if (SSL_set1_host(ssl, host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl, host.c_str()) != 1) {
    throw TransportError("TLS cannot be set up for " + host);
  }
}

std::string tls_words(const error_code& error, SSL* ssl, const std::string& host) {
  const long result = SSL_get_verify_result(ssl);
  if (result == X509_V_OK) return "TLS with " + host + " failed: " + words(error);
  std::string text = "the certificate of " + host + " is not valid: " + X509_verify_cert_error_string(result);
  if (result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
      result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE) {
    text += "; ca_file can name the authority that signed it";
  }
  return text;
}

// After an operation that may have been cancelled. A cancelled coroutine may be one that does not throw by itself.
asio::awaitable<void> check(const error_code& error, std::string_view what) {
  co_await throw_if_stopped();
  if (error) throw TransportError(std::string(what) + words(error), is_close(error) ? Reason::closed : Reason::other);
}

}  // namespace

class Connection::Impl {
 public:
  Impl(const asio::any_io_executor& executor, const Destination& to, asio::ssl::context& tls)
      : to_(to), tcp_(executor) {
    if (to.origin.tls) tls_.emplace(tcp_, tls);
  }

  [[nodiscard]] std::string proxy_name() const {
    return "the proxy " + host_and_port(to_.proxy->host, to_.proxy->port);
  }
  asio::awaitable<void> connect(const asio::ip::tcp::endpoint& address);
  asio::awaitable<void> ask_for_tunnel();
  asio::awaitable<void> shake_hands();

  Destination to_;
  tcp_stream tcp_;
  std::optional<asio::ssl::stream<tcp_stream&>> tls_;
};

asio::awaitable<void> Connection::Impl::connect(const asio::ip::tcp::endpoint& address) {
  error_code error;
  co_await tcp_.async_connect(address, asio::redirect_error(asio::use_awaitable, error));
  const std::string whom = to_.proxy ? proxy_name() : to_.origin.authority;
  co_await check(error, "cannot connect to " + whom + ": ");
}

// What the proxy is told is the server's name, and its own credentials.
asio::awaitable<void> Connection::Impl::ask_for_tunnel() {
  const config::Proxy& proxy = *to_.proxy;
  const std::string server = host_and_port(to_.origin.host, to_.origin.port);
  std::string request = "CONNECT " + server + " HTTP/1.1\r\nHost: " + server + "\r\n";
  if (!proxy.user.empty()) {
    std::string credentials = proxy.user + ":";
    if (proxy.password) credentials += proxy.password->reveal();
    request += "Proxy-Authorization: Basic " + base64(credentials) + "\r\n";
    config::wipe(credentials);
  }
  request += "\r\n";
  const std::string what = proxy_name() + ": ";
  error_code error;
  co_await asio::async_write(tcp_, asio::buffer(request), asio::redirect_error(asio::use_awaitable, error));
  co_await check(error, what);
  boost::beast::flat_buffer received(longest_head_of_proxy);
  http::response_parser<http::empty_body> answer;
  answer.skip(true);  // a tunnel has no body
  answer.header_limit(longest_head_of_proxy);
  co_await http::async_read_header(tcp_, received, answer, asio::redirect_error(asio::use_awaitable, error));
  co_await check(error, what);
  const int status = static_cast<int>(answer.get().result_int());
  if (status == 407)
    throw TransportError(what + "HTTP 407: it wants credentials, or others; see `proxy` of the account");
  if (status < 200 || status >= 300) {
    throw TransportError(what + "HTTP " + std::to_string(status) + ": it gives no tunnel to " + server);
  }
  if (received.size() > 0) throw TransportError(what + "it sends what no server has said yet");
}

asio::awaitable<void> Connection::Impl::shake_hands() {
  expect_host(tls_->native_handle(), to_.origin.host);
  error_code error;
  co_await tls_->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  co_await throw_if_stopped();
  if (error) throw TransportError(tls_words(error, tls_->native_handle(), to_.origin.authority));
}

Connection::Connection(asio::any_io_executor executor, const Destination& to, asio::ssl::context& tls)
    : impl_(std::make_unique<Impl>(executor, to, tls)) {}

Connection::~Connection() = default;

asio::awaitable<void> Connection::open(asio::ip::tcp::endpoint address, Clock::time_point deadline) {
  co_await throw_if_stopped();
  impl_->tcp_.expires_at(deadline);
  co_await impl_->connect(address);
  if (impl_->to_.proxy) co_await impl_->ask_for_tunnel();
  if (impl_->tls_) co_await impl_->shake_hands();
}

asio::awaitable<void> Connection::write(asio::const_buffer bytes, Duration limit) {
  co_await throw_if_stopped();
  impl_->tcp_.expires_after(limit);
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  if (impl_->tls_) {
    co_await asio::async_write(*impl_->tls_, bytes, token);
  } else {
    co_await asio::async_write(impl_->tcp_, bytes, token);
  }
  co_await check(error, "");
}

bool Connection::is_quiet() {
  // A read that does not wait. It goes through TLS, whose own messages (tickets, for instance) are no answer, and finds
  // also what was received together with the last answer.
  char byte = 0;
  error_code error;
  impl_->tcp_.socket().non_blocking(true, error);
  if (error) return false;
  if (impl_->tls_) {
    impl_->tls_->read_some(asio::buffer(&byte, 1), error);
  } else {
    impl_->tcp_.read_some(asio::buffer(&byte, 1), error);
  }
  return error == asio::error::would_block || error == asio::error::try_again;
}

asio::awaitable<std::size_t> Connection::read_some(asio::mutable_buffer buffer, Duration limit) {
  co_await throw_if_stopped();
  // Anew for each operation: time that the caller took in between does not count.
  impl_->tcp_.expires_after(limit);
  error_code error;
  std::size_t size = 0;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  if (impl_->tls_) {
    size = co_await impl_->tls_->async_read_some(buffer, token);
  } else {
    size = co_await impl_->tcp_.async_read_some(buffer, token);
  }
  // What has come before an error counts; the error comes again.
  if (size == 0 && error != asio::error::eof) co_await check(error, "");
  co_return size;
}

}  // namespace bounced::api
