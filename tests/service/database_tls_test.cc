// SPDX-License-Identifier: Apache-2.0
// The way to PostgreSQL by TLS, with sslmode=verify-full: each connection of the daemon takes it, and none that would
// lead elsewhere.
#include <pwd.h>
#include <unistd.h>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::AllOf;

// Certificates, and a server that lets nobody in without TLS.
class SecureServer {
 public:
  SecureServer() {
    std::filesystem::permissions(folder_.path(), std::filesystem::perms::all);
    make_authority("ca");
    make_authority("other");
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -subj /CN=localhost -out server.csr");
    folder_.write("names", "subjectAltName=DNS:localhost");
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem");
    if (const passwd* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr) {
      if (::chown((folder_.path() / "server.key").c_str(), user->pw_uid, user->pw_gid) != 0) {
        throw std::runtime_error("cannot give the key to the user postgres");
      }
    }
    cluster_ = std::make_unique<Cluster>(Cluster::Options{
        .tcp = true,
        .settings = {"ssl=on", "ssl_cert_file=" + path("server.pem"), "ssl_key_file=" + path("server.key")}});
  }

  Cluster& cluster() { return *cluster_; }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

 private:
  void make_authority(const std::string& name) const {
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=" + name + " -keyout " + name + ".key -out " + name +
            ".pem");
  }
  void openssl(const std::string& arguments) const {
    Process process({"/bin/sh", "-c", "exec openssl " + arguments},
                    {.environment = {}, .user = {}, .folder = folder_.path()});
    if (process.wait() != 0) throw std::runtime_error("openssl " + arguments + ": " + process.stderr_text());
  }

  TempDir folder_;
  std::unique_ptr<Cluster> cluster_;
};

class DatabaseTls : public Service {
 protected:
  DatabaseTls() : Service(server().cluster().create_database(Cluster::Schema::none)) {}

  static SecureServer& server() {
    static SecureServer server;
    return server;
  }

  void connect_by(const std::string& host, const std::string& authority, int port = server().cluster().port()) {
    const std::string text = config_text();
    const std::string direct = fmt::format("url: \"{}\"", daemon_url());
    const std::string secure = fmt::format("url: \"postgresql://bounced@{}:{}/{}?sslmode=verify-full&sslrootcert={}\"",
                                           host, port, value("select current_database()"), server().path(authority));
    dir.write("bounced.yaml", std::string(text).replace(text.find(direct), direct.size(), secure));
  }
};

TEST_F(DatabaseTls, EveryConnectionOfTheDaemonIsVerified) {
  connect_by("localhost", "ca.pem");
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  EXPECT_EQ(value("select string_agg(distinct coalesce(ssl.version, 'none'), ',') from pg_stat_activity "
                  "join pg_stat_ssl ssl using (pid) where application_name like 'bounced%'"),
            "TLSv1.3");
  stop(*daemon);
  EXPECT_THAT(run({"check"}), ended_with(0));
}

TEST_F(DatabaseTls, AnotherAuthorityAnotherHostAndNoTlsAreRefusedWithWhatToDo) {
  const auto refused = [&](const std::string& problem, const std::string& remedy) {
    for (const char* command : {"run", "sync"}) {
      EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has(problem), err_has(remedy))) << command;
    }
    EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has(remedy)));
  };
  connect_by("localhost", "other.pem");
  refused("certificate verify failed", "correct sslrootcert");
  connect_by("127.0.0.1", "ca.pem");
  refused("does not match host name", "correct the host in database.url");
  connect_by("localhost", "missing.pem");
  refused("missing.pem", "correct sslrootcert");
  Cluster plain({.tcp = true, .settings = {}});
  connect_by("localhost", "ca.pem", plain.port());
  refused("server does not support SSL", "turn TLS on at the server");
}

}  // namespace
}  // namespace bounced::test
