// SPDX-License-Identifier: Apache-2.0
#include "sync/api/connection.h"

#include <openssl/err.h>
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
#include <boost/beast/core/tcp_stream.hpp>

#include "sync/api/resolve.h"
#include "sync/api/stopped.h"
#include "sync/api/transport_error.h"

namespace bounced::api {

namespace asio = boost::asio;
using boost::beast::tcp_stream;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Reason = TransportError::Reason;

std::shared_ptr<asio::ssl::context> make_tls_context(const std::optional<std::filesystem::path>& ca_file) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  context->set_verify_mode(asio::ssl::verify_peer);
  context->set_default_verify_paths();
  error_code error;
  if (ca_file) context->load_verify_file(ca_file->string(), error);
  if (error) throw std::runtime_error("no certificates can be read from " + ca_file->string() + ": " + error.message());
  return context;
}

namespace {

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
  Impl(const asio::any_io_executor& executor, const Origin& origin, asio::ssl::context& tls)
      : origin_(origin), tcp_(executor) {
    if (origin.tls) tls_.emplace(tcp_, tls);
  }

  asio::awaitable<void> connect(Clock::time_point deadline);
  asio::awaitable<void> shake_hands(Clock::time_point deadline);

  Origin origin_;
  tcp_stream tcp_;
  std::optional<asio::ssl::stream<tcp_stream&>> tls_;
};

asio::awaitable<void> Connection::Impl::connect(Clock::time_point deadline) {
  using std::chrono::milliseconds;
  const auto left = [&] { return std::chrono::duration_cast<milliseconds>(deadline - Clock::now()); };
  const auto endpoints = co_await resolve(origin_.host, origin_.port, left());
  error_code error = asio::error::host_not_found;
  for (std::size_t index = 0; index < endpoints.size(); ++index) {
    // Each address has its share of the time, so that one that is silent does not hide the next.
    co_await throw_if_stopped();
    tcp_.expires_after(left() / static_cast<int>(endpoints.size() - index));
    co_await tcp_.async_connect(endpoints[index], asio::redirect_error(asio::use_awaitable, error));
    if (!error) break;
    tcp_.close();
  }
  co_await check(error, "cannot connect to " + origin_.authority + ": ");
}

asio::awaitable<void> Connection::Impl::shake_hands(Clock::time_point deadline) {
  expect_host(tls_->native_handle(), origin_.host);
  tcp_.expires_at(deadline);
  error_code error;
  co_await tls_->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  co_await throw_if_stopped();
  if (error) throw TransportError(tls_words(error, tls_->native_handle(), origin_.authority));
}

Connection::Connection(asio::any_io_executor executor, const Origin& origin, asio::ssl::context& tls)
    : impl_(std::make_unique<Impl>(executor, origin, tls)) {}

Connection::~Connection() = default;

asio::awaitable<void> Connection::open(Duration limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  co_await throw_if_stopped();
  co_await impl_->connect(deadline);
  if (impl_->tls_) co_await impl_->shake_hands(deadline);
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
