// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace bounced::simulator {
namespace {

constexpr long seconds_a_day = 24 * 60 * 60;

template <class T>
T must(T result) {
  if (result) return result;
  throw std::runtime_error("OpenSSL: " + std::string(ERR_error_string(ERR_get_error(), nullptr)));
}

// A name in a certificate and, for a server, the names that it is good for.
struct Subject {
  const char* name;
  const char* alternatives;  // null: an authority
};

void extend(X509& cert, X509& issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &cert, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
      must(X509V3_EXT_conf_nid(nullptr, &context, kind, value)));
  must(X509_add_ext(&cert, extension.get(), -1));
}

// Signed by the issuer; by itself if there is none.
Cert make_cert(const Subject& subject, EVP_PKEY& key, X509* issuer, EVP_PKEY& issuer_key, long from, long until) {
  Cert cert(must(X509_new()));
  must(X509_set_version(cert.get(), X509_VERSION_3));
  std::uint64_t serial = 0;
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert.get()), serial >> 1));
  must(X509_gmtime_adj(X509_getm_notBefore(cert.get()), from));
  must(X509_gmtime_adj(X509_getm_notAfter(cert.get()), until));
  must(X509_set_pubkey(cert.get(), &key));
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(subject.name), -1, -1, 0));
  if (!issuer) issuer = cert.get();
  must(X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer)));
  if (subject.alternatives) {
    extend(*cert, *issuer, NID_basic_constraints, "critical,CA:FALSE");
    extend(*cert, *issuer, NID_subject_alt_name, subject.alternatives);
    extend(*cert, *issuer, NID_ext_key_usage, "serverAuth");
    // All authorities have the same name; this tells them apart.
    if (issuer != cert.get()) extend(*cert, *issuer, NID_authority_key_identifier, "keyid");
  } else {
    extend(*cert, *issuer, NID_basic_constraints, "critical,CA:TRUE");
    extend(*cert, *issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  }
  extend(*cert, *issuer, NID_subject_key_identifier, "hash");
  must(X509_sign(cert.get(), &issuer_key, EVP_sha256()));
  return cert;
}

Key make_key() {
  return Key(must(EVP_EC_gen("P-256")));
}

Cert make_authority(EVP_PKEY& key) {
  return make_cert({"bounced simulator authority", nullptr}, key, nullptr, key, -seconds_a_day, 3650 * seconds_a_day);
}

}  // namespace

Certificates::Certificates() : authority_key_(make_key()), authority_(make_authority(*authority_key_)) {
  std::string name = (std::filesystem::temp_directory_path() / "bounced-simulator-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), "cannot make " + name);
  folder_ = name;
  const std::unique_ptr<FILE, Free<fclose>> file(must(std::fopen(ca_file().c_str(), "w")));
  must(PEM_write_X509(file.get(), authority_.get()));
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Context Certificates::context(Certificate kind, Tls tls) const {
  const bool only_1_1 = tls == Tls::only_1_1;
  Context context(must(SSL_CTX_new(TLS_server_method())), SSL_CTX_free);
  must(SSL_CTX_set_min_proto_version(context.get(), only_1_1 ? TLS1_1_VERSION : TLS1_2_VERSION));
  if (only_1_1) {
    must(SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION));
    SSL_CTX_set_security_level(context.get(), 0);  // OpenSSL 3 offers TLS 1.1 at no other
  }
  if (tls == Tls::no_forward_secrecy) {
    must(SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION));
    must(SSL_CTX_set_cipher_list(context.get(), "kRSA"));
  }
  const bool other = kind == Certificate::other_host;
  const Subject subject{other ? "other.example" : "localhost",
                        other ? "DNS:other.example" : "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:sendgrid.com"};
  // Only RSA's key can be what a session's key is sent under.
  const Key key = tls == Tls::no_forward_secrecy ? Key(must(EVP_RSA_gen(2048))) : make_key();
  const Key unknown_key = make_key();
  const Cert unknown = make_authority(*unknown_key);
  X509* issuer = authority_.get();
  EVP_PKEY* issuer_key = authority_key_.get();
  if (kind == Certificate::self_signed) {
    issuer = nullptr;
    issuer_key = key.get();
  } else if (kind == Certificate::unknown_authority) {
    issuer = unknown.get();
    issuer_key = unknown_key.get();
  }
  const bool expired = kind == Certificate::expired;
  const Cert cert = make_cert(subject, *key, issuer, *issuer_key, expired ? -2 * seconds_a_day : -seconds_a_day,
                              expired ? -seconds_a_day : 365 * seconds_a_day);
  must(SSL_CTX_use_certificate(context.get(), cert.get()));
  must(SSL_CTX_use_PrivateKey(context.get(), key.get()));
  return context;
}

}  // namespace bounced::simulator
