// SPDX-License-Identifier: Apache-2.0
// The way to the API: several addresses of which some are silent, proxies, and whom TLS trusts.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "sync/api/connect.h"
#include "sync/api/transport_error.h"
#include "tests/integration/client_fixture.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::AllOf;
using testing::HasSubstr;

class Connect : public test::ClientTest {
 protected:
  static tcp::endpoint address(const std::string& ip, std::uint16_t port) { return {asio::ip::make_address(ip), port}; }
  Way way() const { return {.to = {.origin = parse_origin(server.base_url())}}; }
  std::uint16_t port() const { return parse_origin(server.base_url()).port; }

  // Returns what went wrong; empty: a connection was there.
  std::string connect_by(Way& way, const std::vector<tcp::endpoint>& addresses, std::chrono::milliseconds limit = 10s) {
    return test::run([&](auto executor) -> asio::awaitable<std::string> {
      const auto tls = make_tls_context(server.ca_file());
      std::string error;
      try {
        co_await connect_to(executor, addresses, way, *tls, limit);
      } catch (const TransportError& thrown) {
        error = thrown.what();
      }
      co_return error;
    });
  }
};

// Takes connections in the kernel's queue, and never says a word.
class Silent {
 public:
  explicit Silent(const tcp::endpoint& endpoint) : acceptor_(io_, endpoint) {}
  [[nodiscard]] tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

 private:
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
};

TEST_F(Connect, AnAddressThatIsSilentInTlsIsLeftForTheNextAndTheGoodOneRemembered) {
  const Silent silent(address("127.0.0.2", 0));
  Way to = way();
  const auto began = std::chrono::steady_clock::now();
  const std::vector<tcp::endpoint> both{silent.endpoint(), address("127.0.0.1", port())};
  EXPECT_EQ(connect_by(to, both), "");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_EQ(to.good, both[1]);
  // It comes first from now on: the silent one is not even tried.
  const Silent another(address("127.0.0.3", 0));
  EXPECT_EQ(connect_by(to, {another.endpoint(), both[1]}), "");
  // One that has gone bad is left in its turn.
  to.good = silent.endpoint();
  EXPECT_EQ(connect_by(to, both), "");
  EXPECT_EQ(to.good, both[1]);
}

TEST_F(Connect, WhereNoAddressServesTheFirstOnesFaultIsTold) {
  const Silent silent(address("127.0.0.2", 0));
  Way to = way();
  EXPECT_THAT(connect_by(to, {silent.endpoint(), address("127.0.0.1", 1)}, 600ms), HasSubstr("no answer in time"));
  EXPECT_THAT(connect_by(to, {address("127.0.0.1", 1), silent.endpoint()}, 600ms), HasSubstr("refused"));
  EXPECT_THAT(connect_by(to, {}), HasSubstr("its name has no address"));
  EXPECT_FALSE(to.good);
}

TEST_F(Connect, AFailedAddressMakesTheNextOneStartAtOnce) {
  Way to = way();
  std::vector<tcp::endpoint> addresses(20, address("127.0.0.1", 1));
  addresses.push_back(address("127.0.0.1", port()));
  EXPECT_EQ(connect_by(to, addresses, 3s), "");  // in turns of 250 ms it would take five
}

// A proxy as Debian has it.
class Tinyproxy {
 public:
  explicit Tinyproxy(const std::string& more = "") {
    asio::io_context io(1);
    port_ = tcp::acceptor(io, {asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
    dir_.write("proxy.conf", "Port " + std::to_string(port_) +
                                 "\nListen 127.0.0.1\nAllow 127.0.0.1\nLogLevel Info\nMaxClients 20\n" + more);
    process_ = std::make_unique<test::Process>(
        std::vector<std::string>{"/usr/bin/tinyproxy", "-d", "-c", (dir_.path() / "proxy.conf").string()});
    process_->wait_for_stdout("Accepting connections.");
  }
  [[nodiscard]] config::Proxy proxy() const { return {.host = "127.0.0.1", .port = port_}; }
  std::string log() { return process_->stdout_text(); }
  void wait_for(const std::string& text) { process_->wait_for_stdout(text); }

 private:
  test::TempDir dir_;
  std::uint16_t port_ = 0;
  std::unique_ptr<test::Process> process_;
};

TEST_F(Connect, GoesThroughAProxyThatNeverSeesTheKey) {
  Tinyproxy tinyproxy;
  account.proxy = tinyproxy.proxy();
  EXPECT_EQ(list(), expected());
  tinyproxy.wait_for("CONNECT localhost:");
  EXPECT_THAT(tinyproxy.log(), testing::Not(HasSubstr("secret")));
}

TEST_F(Connect, TellsAProxysRefusalsAsItsOwn) {
  Tinyproxy tinyproxy("BasicAuth me word-of-me\nConnectPort 1\n");
  account.proxy = tinyproxy.proxy();
  const std::string where = "the proxy 127.0.0.1:" + std::to_string(account.proxy->port);
  EXPECT_THAT(fault().message, AllOf(HasSubstr(where), HasSubstr("HTTP 407: it wants credentials")));
  account.proxy->user = "me";
  account.proxy->password.emplace("word-of-me");
  const Fault refused = fault();
  EXPECT_THAT(refused.message, AllOf(HasSubstr(where), HasSubstr("HTTP 403: it gives no tunnel to localhost:")));
  EXPECT_EQ(refused.kind, Fault::Kind::unavailable);
  EXPECT_EQ(refused.origin, Fault::Origin::network);
  account.proxy->port = 1;
  EXPECT_THAT(fault().message, HasSubstr("cannot connect to the proxy 127.0.0.1:1: Connection refused"));
}

TEST_F(Connect, AProxyThatWantsCredentialsGetsThem) {
  Tinyproxy tinyproxy("BasicAuth me word-of-me\n");
  account.proxy = tinyproxy.proxy();
  account.proxy->user = "me";
  account.proxy->password.emplace("word-of-me");
  EXPECT_EQ(list(), expected());
}

TEST_F(Connect, AProxyThatIsSilentOrTalksNonsenseIsAFault) {
  const Silent silent(address("127.0.0.1", 0));
  account.proxy = config::Proxy{.host = "127.0.0.1", .port = silent.endpoint().port()};
  deadlines.connect = 300ms;
  EXPECT_THAT(fault().message, HasSubstr("no answer in time"));
  deadlines.connect = 10s;
  const std::vector<std::pair<std::string, std::string>> answers{
      {"nonsense\r\n\r\n", "the proxy "},
      {"HTTP/1.1 200 OK\r\n\r\nmore", "what no server has said yet"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), "the proxy "}};
  for (const auto& answer : answers) {
    const std::string& said = answer.first;
    const Fault fault = test::run([&](auto executor) -> asio::awaitable<Fault> {
      tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
      account.proxy->port = acceptor.local_endpoint().port();
      asio::co_spawn(
          executor,
          [&]() -> asio::awaitable<void> {
            tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
            std::string request;
            boost::system::error_code gone;
            auto token = asio::redirect_error(asio::use_awaitable, gone);
            co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", token);
            co_await asio::async_write(socket, asio::buffer(said), token);
            co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "never", token);
          },
          asio::detached);
      const auto client = make_client(executor, account, deadlines);
      test::Collected ignored;
      auto outcome = co_await client->read_list(customer, std::nullopt, ignored, {});
      co_return fault_of(std::move(outcome));
    });
    EXPECT_THAT(fault.message, HasSubstr(answer.second));
  }
}

TEST_F(Connect, AnAccountCanTrustItsOwnAuthorityAlone) {
  EXPECT_EQ(list(), expected());
  // Here the simulator's is the system's.
  setenv("SSL_CERT_FILE", server.ca_file().c_str(), 1);
  account.ca_file.reset();
  EXPECT_EQ(list(), expected());
  simulator::Simulator other(options_);
  account.ca_file = other.ca_file();
  EXPECT_EQ(list(), expected());
  account.ca_only = true;
  EXPECT_THAT(fault().message, HasSubstr("the certificate of localhost:"));
  account.ca_file = server.ca_file();
  EXPECT_EQ(list(), expected());
}

TEST_F(Connect, RefusesCiphersWithoutForwardSecrecy) {
  server.use_tls(simulator::Tls::no_forward_secrecy);
  EXPECT_THAT(fault().message, HasSubstr("TLS with localhost:"));
}

}  // namespace
}  // namespace bounced::api
