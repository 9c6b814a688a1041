// SPDX-License-Identifier: Apache-2.0
// Behind a real pgbouncer. One that gives every transaction another session loses what the daemon relies on.
#include <unistd.h>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::AllOf;

class Pooler : public Service {
 protected:
  Pooler() : Service(database()) {}

  static std::string database() {
    name_ = Cluster::shared().create_database(Cluster::Schema::none);
    return name_;
  }
  static inline std::string name_;

  // It listens on a socket in this folder.
  std::unique_ptr<Process> start_pooler(const std::string& mode) {
    const std::string folder = dir.path().string();
    const bool root = geteuid() == 0;
    std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
    dir.write("pgbouncer.ini", fmt::format("[databases]\n* = host={} port={} user=bounced\n[pgbouncer]\nlisten_addr =\n"
                                           "unix_socket_dir = {}\nlisten_port = 6432\nauth_type = any\npool_mode = {}\n"
                                           "ignore_startup_parameters = options\n",
                                           Cluster::shared().host(), Cluster::shared().port(), folder, mode));
    auto pooler =
        std::make_unique<Process>(std::vector<std::string>{"/usr/sbin/pgbouncer", folder + "/pgbouncer.ini"},
                                  Process::Options{.environment = {}, .user = root ? "postgres" : "", .folder = {}});
    pooler->wait_for_stderr("process up");
    const std::string text = config_text();
    const std::string direct = fmt::format("url: \"{}\"", daemon_url());
    const std::string pooled =
        fmt::format("url: \"postgresql://bounced@/{}?host={}&port=6432\"", value("select current_database()"), folder);
    dir.write("bounced.yaml", std::string(text).replace(text.find(direct), direct.size(), pooled));
    return pooler;
  }
};

TEST_F(Pooler, AnotherSessionForEveryTransactionIsRefused) {
  const auto pooler = start_pooler("transaction");
  for (const char* command : {"run", "sync"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("session pooling"))) << command;
  }
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("session pooling")));
}

TEST_F(Pooler, ASessionForEveryConnectionWorks) {
  const auto pooler = start_pooler("session");
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  stop(*daemon);
}

}  // namespace
}  // namespace bounced::test
