// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace bounced::test {

// A private PostgreSQL server in a temporary folder, reached by a Unix socket; for root it runs as the user postgres.
// It dies with its object, and with the test program.
class Cluster {
 public:
  struct Options {
    bool tcp = false;                   // also on a free port of 127.0.0.1, where the role needs_password needs one
    std::vector<std::string> settings;  // as "name=value"
    // Streams from that one, which must outlive it or be killed, and takes no writes until promote().
    const Cluster* standby_of = nullptr;
  };
  enum class Schema { none, migrated };

  Cluster() : Cluster(Options{}) {}
  explicit Cluster(const Options& options);
  ~Cluster();

  // One for all the tests of a program that only use it. A test that stops or kills a server makes its own.
  static Cluster& shared();

  // A fresh database of the role `bounced`, as README.md makes it; gives its URL for the superuser postgres.
  std::string create_database(Schema schema = Schema::migrated);
  // The URL of a database by the socket, as the superuser postgres.
  std::string url(const std::string& database = "postgres") const;
  // host and port for a URL's host list.
  std::string host() const { return dir_.path().string(); }
  int port() const { return port_; }

  void start();
  void stop();  // a fast shutdown: sessions are told
  void kill();  // as a crash does it
  void promote();
  void return_as_standby_of(const Cluster& other);  // stopped, and other, its standby until then, was promoted
  void restart() { stop(), start(); }

 private:
  Options options_;
  TempDir dir_;
  int port_ = 5432;
  int databases_ = 0;
  bool template_made_ = false;
  bool is_standby_ = false;
  std::unique_ptr<Process> server_;
  void make_data();
  void copy_data() const;
};

// The URL of a database for the role `bounced` instead of the superuser.
std::string as_bounced(std::string superuser_url);

using Row = std::vector<std::optional<std::string>>;

// Each on a connection of its own.
std::vector<Row> query(const std::string& url, const std::string& sql);
// The only field of the only row; "null" for null.
std::string query_value(const std::string& url, const std::string& sql);
void execute(const std::string& url, const std::string& sql);

}  // namespace bounced::test
