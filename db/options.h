// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "config/secret.h"

namespace bounced::db {

// The password of connections that are made from now on: a reload may set another one while threads connect.
class Password {
 public:
  explicit Password(std::optional<config::Secret> secret) : secret_(std::move(secret)) {}

  [[nodiscard]] std::optional<config::Secret> get() const {
    const std::lock_guard lock(mutex_);
    return secret_;
  }
  void set(std::optional<config::Secret> secret) {
    const std::lock_guard lock(mutex_);
    secret_ = std::move(secret);
  }

 private:
  mutable std::mutex mutex_;
  std::optional<config::Secret> secret_;
};

// How to connect. Where the URL does not say otherwise, connections get connect_timeout, keepalives and
// tcp_user_timeout (a cut link is noticed within half a minute) and, with several hosts,
// target_session_attrs=read-write.
struct Options {
  std::string url;          // libpq URI or conninfo; PG* variables are honoured
  std::string application;  // application_name: who is who in pg_stat_activity, as "bounced run: work"
  bool reads_only = false;  // a server that cannot be written to now will do as well
  // Its password counts before PGPASSWORD and the password file. Where there is none, those count.
  std::shared_ptr<const Password> password = nullptr;
  // What a person can do where the server asks for a password and there is none.
  std::string without_password = "say in database.password where the password is";
};

// The conninfo string that is really used: the URL with those defaults and the password. Throws NeedsAction when the
// URL cannot be read, or holds a password beside that one; the text does not repeat what may be a password.
config::Secret conninfo(const Options& options);

// The role that it connects as.
std::string role(const Options& options);

}  // namespace bounced::db
