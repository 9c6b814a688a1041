// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bounced::db {

// How to connect. Where the URL does not say otherwise, connections get connect_timeout, keepalives and
// tcp_user_timeout (a cut link is noticed within half a minute) and, with several hosts,
// target_session_attrs=read-write.
struct Options {
  std::string url;          // libpq URI or conninfo; PG* variables are honoured
  std::string application;  // application_name: who is who in pg_stat_activity, as "bounced run: work"
  bool reads_only = false;  // a server that cannot be written to now will do as well
};

// The conninfo string that is really used: the URL with those defaults. Throws NeedsAction when the URL cannot be
// read; the text does not repeat what may be a password.
std::string conninfo(const Options& options);

// The role that it connects as.
std::string role(const Options& options);

}  // namespace bounced::db
