// SPDX-License-Identifier: Apache-2.0
// A cable is pulled: packets vanish, and nobody is told that connections are dead.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/service/service.h"
#include "tests/support/relay.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;

// A network namespace with one cable to the outside, and "localhost" in it is the other end of that.
class Cable {
 public:
  Cable() {
    std::filesystem::create_directories("/etc/netns/" + name_);
    std::ofstream("/etc/netns/" + name_ + "/hosts") << address() << " localhost\n";
    made_ = ip("netns add " + name_) && ip("link add " + here_ + " type veth peer name " + there_) &&
            ip("link set " + there_ + " netns " + name_) && ip("address add " + address() + "/30 dev " + here_) &&
            ip("link set " + here_ + " up") && ip("-n " + name_ + " address add " + net_ + "2/30 dev " + there_) &&
            ip("-n " + name_ + " link set " + there_ + " up");
  }
  ~Cable() {
    ip("link delete " + here_);
    ip("netns delete " + name_);
    std::filesystem::remove_all("/etc/netns/" + name_);
  }
  Cable(const Cable&) = delete;
  Cable& operator=(const Cable&) = delete;

  bool made() const { return made_; }
  void pull() const { ip("link set " + here_ + " down"); }
  void plug() const { ip("link set " + here_ + " up"); }
  std::string address() const { return net_ + "1"; }
  std::vector<std::string> inside(std::vector<std::string> command) const {
    command.insert(command.begin(), {"ip", "netns", "exec", name_});
    return command;
  }

 private:
  static bool ip(const std::string& arguments) {
    return std::system(("ip " + arguments + " 2>/dev/null").c_str()) == 0;
  }

  const std::string id_ = std::to_string(::getpid() % 10000);
  const std::string name_ = "bounced" + id_;
  const std::string here_ = "bh" + id_;
  const std::string there_ = "bt" + id_;
  const std::string net_ = fmt::format("10.231.{}.", ::getpid() % 250 + 1);
  bool made_ = false;
};

struct OwnCluster {
  Cluster cluster{{.tcp = true, .settings = {}}};
};

class Network : private OwnCluster, public Service {
 protected:
  Network() : Service(OwnCluster::cluster.create_database(Cluster::Schema::none)) {}
  using OwnCluster::cluster;
};

TEST_F(Network, AnUnpluggedCableIsNoticedAndLosesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a network namespace";
  const Cable cable;
  if (!cable.made()) GTEST_SKIP() << "no network namespace with a virtual cable can be made here";
  const Relay to_database(cable.address(), 0, static_cast<std::uint16_t>(cluster.port()));
  const Relay to_api(cable.address(), api.port(), api.port());
  api.generate("c", 5, 600);
  std::string text = config_text({.customers = "[c]", .top = "polling: {every: 24h}"});
  text.replace(text.find(daemon_url()), daemon_url().size(),
               fmt::format("host={} port={} user=bounced dbname={}", cable.address(), to_database.port(),
                           value("select current_database()")));
  dir.write("bounced.yaml", text);
  Process daemon(cable.inside({BOUNCED_PROGRAM, "run", "--config", config_file()}));
  daemon.wait_for_stderr("mirror changed");
  api.set_hook([](const simulator::Call&) -> std::optional<simulator::Answer> {
    std::this_thread::sleep_for(5ms);  // a slow API, so that calls are in flight when the cable is pulled
    return std::nullopt;
  });
  execute(url(),
          "insert into bounced.deletion_requests (customer, email) select distinct customer, email from "
          "bounced.current_bounces limit 400");
  ASSERT_TRUE(api.wait_for_calls(60));
  const auto pulled = std::chrono::steady_clock::now();
  cable.pull();
  daemon.wait_for_stderr("database lost");
  const std::chrono::duration<double> noticed = std::chrono::steady_clock::now() - pulled;
  cable.plug();
  wait_until(
      [&] {
        return value("select count(*) from bounced.deletion_requests where state in ('pending', 'sending')") == "0";
      },
      "all requests are carried out");
  const std::chrono::duration<double> over = std::chrono::steady_clock::now() - pulled - noticed;
  fmt::print("noticed after {:.1f} s; all done {:.1f} s after the cable was back\n", noticed.count(), over.count());
  EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state = 'done'"), "400");
  EXPECT_EQ(
      value("select count(*) from bounced.current_bounces join bounced.deletion_requests using (customer, email)"),
      "0");
  EXPECT_EQ(value("select count(*) from bounced.bounces where gone_because <> 'deleted'"), "0");
  EXPECT_EQ(std::to_string(api.size("c")), current_bounces());
  EXPECT_LT(noticed, 40s);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

}  // namespace
}  // namespace bounced::test
