// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <map>
#include <memory>

#include "tests/simulator/simulator.h"

namespace bounced::simulator {

template <auto free>
struct Free {
  template <class T>
  void operator()(T* p) const {
    free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;
using Context = std::shared_ptr<SSL_CTX>;

// An authority made for this one simulator, with its certificate in a folder of its own, and what it signs.
class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  [[nodiscard]] std::filesystem::path ca_file() const { return folder_ / "ca.pem"; }
  // What a server speaks TLS with.
  [[nodiscard]] Context context(Certificate kind, Tls tls) const;

 private:
  std::filesystem::path folder_;
  Key authority_key_;
  Cert authority_;
};

}  // namespace bounced::simulator
