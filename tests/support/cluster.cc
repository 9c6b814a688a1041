// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cluster.h"

#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <stdexcept>

#include "db/migrator.h"
#include "db/session.h"

namespace bounced::test {
namespace {

namespace fs = std::filesystem;

// The newest PostgreSQL of Debian's; its server programs are not on the PATH.
fs::path server_programs() {
  fs::path newest;
  int version = 0;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql")) {
    const int found = std::atoi(entry.path().filename().c_str());
    if (found <= version || !fs::exists(entry.path() / "bin/postgres")) continue;
    version = found;
    newest = entry.path() / "bin";
  }
  if (version == 0) throw std::runtime_error("no PostgreSQL server under /usr/lib/postgresql");
  return newest;
}

// PostgreSQL refuses to run as root.
std::string server_user() {
  return ::geteuid() == 0 ? "postgres" : "";
}

int free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(probe);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

}  // namespace

Cluster::Cluster(const Options& options) : options_(options) {
  if (!server_user().empty()) {
    const passwd* user = ::getpwnam(server_user().c_str());
    if (!user || ::chown(dir_.path().c_str(), user->pw_uid, user->pw_gid) != 0)
      throw std::runtime_error("cannot give a folder to the user postgres");
  }
  if (options_.tcp) port_ = free_port();
  is_standby_ = options_.standby_of != nullptr;
  is_standby_ ? copy_data() : make_data();
  start();
  if (!is_standby_) execute(url(), "begin; set transaction read write; create role bounced login; commit");
}

void Cluster::make_data() {
  Process initdb({server_programs() / "initdb", "--no-sync", "--no-instructions", "--auth=trust", "--encoding=UTF8",
                  "--locale=C.UTF-8", "--username=postgres", "--pgdata=" + (dir_.path() / "data").string()},
                 {.environment = {}, .user = server_user(), .folder = "/"});
  if (initdb.wait() != 0) throw std::runtime_error("initdb: " + initdb.stderr_text());
  dir_.write("data/pg_hba.conf",
             "host all needs_password 127.0.0.1/32 scram-sha-256\n"
             "host all all 127.0.0.1/32 trust\n"
             "local all all trust\n"
             "local replication all trust\n");
}

void Cluster::copy_data() const {
  Process backup({server_programs() / "pg_basebackup", "--host=" + options_.standby_of->host(),
                  "--port=" + std::to_string(options_.standby_of->port()), "--username=postgres", "--checkpoint=fast",
                  "--no-sync", "--write-recovery-conf", "--pgdata=" + (dir_.path() / "data").string()},
                 {.environment = {}, .user = server_user(), .folder = "/"});
  if (backup.wait() != 0) throw std::runtime_error("pg_basebackup: " + backup.stderr_text());
}

Cluster::~Cluster() {
  stop();
}

Cluster& Cluster::shared() {
  static Cluster cluster;
  return cluster;
}

void Cluster::start() {
  std::vector<std::string> command{server_programs() / "postgres", "-D", dir_.path() / "data"};
  std::vector<std::string> settings{"fsync=off",
                                    "full_page_writes=off",
                                    "shared_buffers=32MB",
                                    "max_connections=50",
                                    "jit=off",
                                    "unix_socket_directories=" + dir_.path().string(),
                                    "port=" + std::to_string(port_),
                                    std::string("listen_addresses=") + (options_.tcp ? "127.0.0.1" : "")};
  settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
  for (const std::string& setting : settings) command.insert(command.end(), {"-c", setting});
  server_ =
      std::make_unique<Process>(command, Process::Options{.environment = {}, .user = server_user(), .folder = "/"});
  server_->wait_for_stderr(is_standby_ ? "database system is ready to accept read-only connections"
                                       : "database system is ready to accept connections");
}

void Cluster::stop() {
  if (!server_) return;
  server_->signal(SIGINT);
  server_->wait();
  server_.reset();
}

void Cluster::kill() {
  server_->signal(SIGKILL);
  server_->wait();  // until its last child has noticed and closed the output
  server_.reset();
}

void Cluster::promote() {
  if (query_value(url(), "select pg_promote()") != "t") throw std::runtime_error("the standby was not promoted");
  is_standby_ = false;
}

void Cluster::return_as_standby_of(const Cluster& other) {
  dir_.write("data/standby.signal", "");
  options_.settings.push_back("primary_conninfo=user=postgres host=" + other.host() +
                              " port=" + std::to_string(other.port()));
  is_standby_ = true;
  start();
}

std::string Cluster::url(const std::string& database) const {
  return "host=" + dir_.path().string() + " port=" + std::to_string(port_) + " user=postgres dbname=" + database;
}

std::string Cluster::create_database(Schema schema) {
  const std::string name = "test" + std::to_string(++databases_);
  if (schema == Schema::migrated && !template_made_) {
    execute(url(), "create database migrated owner bounced");
    db::Session session({.url = as_bounced(url("migrated")), .application = "test"});
    db::migrate(session, "test");
    template_made_ = true;
  }
  execute(url(), "create database " + name + " owner bounced template " +
                     (schema == Schema::migrated ? "migrated" : "template0"));
  return url(name);
}

std::string as_bounced(std::string superuser_url) {
  const std::string user = "user=postgres";
  return superuser_url.replace(superuser_url.find(user), user.size(), "user=bounced");
}

std::vector<Row> query(const std::string& url, const std::string& sql) {
  pqxx::connection connection(url);
  pqxx::nontransaction tx(connection);
  std::vector<Row> rows;
  for (const auto& row : tx.exec(sql)) {
    Row& fields = rows.emplace_back();
    for (const auto& field : row)
      fields.push_back(field.is_null() ? std::nullopt : std::optional<std::string>(field.c_str()));
  }
  return rows;
}

std::string query_value(const std::string& url, const std::string& sql) {
  const std::vector<Row> rows = query(url, sql);
  if (rows.size() != 1 || rows[0].size() != 1) throw std::runtime_error("one field expected: " + sql);
  return rows[0][0].value_or("null");
}

void execute(const std::string& url, const std::string& sql) {
  query(url, sql);
}

}  // namespace bounced::test
