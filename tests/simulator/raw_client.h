// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// A client that sees everything: the bytes as they come, and how they end.
class RawClient {
 public:
  enum class End { open, closed, cut_off, reset };

  explicit RawClient(const Simulator& api, int max_tls = 0) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(api.port());
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    if (!connected_ || !api.base_url().starts_with("https")) return;
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_load_verify_locations(context_.get(), api.ca_file().c_str(), nullptr);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_min_proto_version(context_.get(), max_tls ? max_tls : TLS1_2_VERSION);
    if (max_tls) SSL_CTX_set_max_proto_version(context_.get(), max_tls);
    if (max_tls) SSL_CTX_set_security_level(context_.get(), 0);
    tls_.reset(SSL_new(context_.get()));
    SSL_set_fd(tls_.get(), socket_);
    SSL_set1_host(tls_.get(), "localhost");
    shaken_ = SSL_connect(tls_.get()) == 1;
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool shaken() const { return shaken_; }
  [[nodiscard]] long verdict() const { return SSL_get_verify_result(tls_.get()); }

  void send(const std::string& bytes) {
    if (tls_) {
      SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
    } else {
      ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
  }
  // Reads until what has come ends like this, or to the end.
  std::string read_until(std::string_view ending) {
    std::string in;
    std::array<char, 4096> bytes{};
    while (!in.ends_with(ending) || ending.empty()) {
      errno = 0;
      const auto got = tls_ ? SSL_read(tls_.get(), bytes.data(), bytes.size())
                            : static_cast<int>(recv(socket_, bytes.data(), bytes.size(), 0));
      if (got <= 0) {
        const bool closed = tls_ ? SSL_get_error(tls_.get(), got) == SSL_ERROR_ZERO_RETURN : got == 0;
        end = closed ? End::closed : errno == ECONNRESET ? End::reset : End::cut_off;
        break;
      }
      in.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return in;
  }

  End end = End::open;

 private:
  template <auto free>
  struct Free {
    template <class T>
    void operator()(T* p) const {
      free(p);
    }
  };
  int socket_;
  bool connected_ = false;
  bool shaken_ = false;
  std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, Free<SSL_free>> tls_;
};

// What a new connection brings.
inline std::string ask(const Simulator& api, const std::string& request) {
  RawClient client(api);
  client.send(request);
  return client.read_until("");
}

inline std::string body_of(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

}  // namespace bounced::simulator
