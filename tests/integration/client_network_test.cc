// SPDX-License-Identifier: Apache-2.0
// The v2 client's connections: kept and renewed, verified, with deadlines, at the sink's pace, and given up when asked.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "tests/integration/client_fixture.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using simulator::Certificate;
using simulator::Framing;
using testing::AllOf;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::SizeIs;
using Kind = Fault::Kind;

class ClientNetwork : public test::ClientTest {
 protected:
  // Several calls of one client, one after the other.
  std::vector<Outcome> read_each(std::size_t calls, const std::function<void()>& between = {}) {
    return test::run([&](auto executor) -> asio::awaitable<std::vector<Outcome>> {
      const auto client = make_client(executor, account, deadlines);
      std::vector<Outcome> outcomes;
      for (std::size_t call = 0; call < calls; ++call) {
        if (call > 0 && between) between();
        test::Collected ignored;
        outcomes.push_back(co_await client->read_list(customer, std::nullopt, ignored, {}));
      }
      co_return outcomes;
    });
  }

  // The error of a call that is cancelled once `when` is true. It is asked on a timer, since what it looks at is told
  // by another thread.
  boost::system::error_code cancelled(Sink& sink, const std::function<bool()>& when, bool throws_by_itself = true) {
    return test::run([&](auto executor) -> asio::awaitable<boost::system::error_code> {
      const auto client = make_client(executor, account, deadlines);
      asio::cancellation_signal signal;
      bool ended = false;
      std::exception_ptr error;
      const auto call = [&]() -> asio::awaitable<Outcome> {
        co_await asio::this_coro::throw_if_cancelled(throws_by_itself);
        co_return co_await client->read_list(customer, std::nullopt, sink, {});
      };
      asio::co_spawn(executor, call, asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, Outcome) {
                       error = e;
                       ended = true;
                     }));
      asio::steady_timer tick(executor);
      bool emitted = false;
      while (!ended) {
        tick.expires_after(1ms);
        co_await tick.async_wait(asio::use_awaitable);
        if (!emitted && when()) {
          signal.emit(asio::cancellation_type::terminal);
          emitted = true;
        }
      }
      try {
        if (error) std::rethrow_exception(error);
      } catch (const boost::system::system_error& thrown) {
        co_return thrown.code();
      }
      co_return boost::system::error_code();
    });
  }

  void expect_unavailable(const testing::Matcher<std::string>& message) {
    const Fault fault = this->fault();
    EXPECT_EQ(fault.kind, Kind::unavailable);
    EXPECT_EQ(fault.http_status, 0);
    EXPECT_THAT(fault.message, message);
  }
};

TEST_F(ClientNetwork, KeepsItsConnection) {
  EXPECT_THAT(read_each(5), testing::Each(testing::VariantWith<ListRead>(testing::_)));
  EXPECT_EQ(server.counters().connections, 1);
  server.set_framing(Framing::until_close);
  EXPECT_THAT(read_each(3), testing::Each(testing::VariantWith<ListRead>(testing::_)));
  EXPECT_EQ(server.counters().connections, 4);
}

TEST_F(ClientNetwork, AlsoAfterAnError) {
  server.answer({}, {.status = 400, .body = R"({"error":"no"})"});
  const auto outcomes = read_each(2);
  EXPECT_EQ(fault_of(outcomes[0]).kind, Kind::refused);
  EXPECT_TRUE(std::holds_alternative<ListRead>(outcomes[1]));
  EXPECT_EQ(server.counters().connections, 1);
}

TEST_F(ClientNetwork, ButNotWithARestOfABodyInIt) {
  server.set_gzip(simulator::Gzip::never);
  server.answer({}, {.status = 500, .body = std::string(300'000, 'x')});
  server.answer({}, {.body = "{}" + std::string(300'000, ' ')});
  server.answer({}, {.body = "[1," + std::string(300'000, ' ')});
  const auto outcomes = read_each(4);
  for (std::size_t call = 0; call < 3; ++call) fault_of(outcomes[call]);
  EXPECT_TRUE(std::holds_alternative<ListRead>(outcomes[3]));
  EXPECT_EQ(server.counters().connections, 4);
}

TEST_F(ClientNetwork, AsksAgainWhereAKeptConnectionWasClosed) {
  for (const config::Method method : {config::Method::get, config::Method::post}) {
    account.method = method;
    server.forget_calls();
    const auto outcomes = read_each(2, [&] {
      server.close_idle();
      ASSERT_TRUE(server.wait_for([](const auto& counters) { return counters.open == 0; }));
    });
    EXPECT_THAT(outcomes, testing::Each(testing::VariantWith<ListRead>(testing::_)));
    EXPECT_EQ(server.counters().connections, 2);
  }
}

std::string answer_of(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// It would be taken for that of the next call, which is another customer's perhaps.
TEST_F(ClientNetwork, AnAnswerThatNobodyAskedForIsNobodys) {
  simulator::Simulator plain({.tls = false, .user = options_.user, .key = options_.key});
  for (int i = 0; i < 2; ++i) plain.add(customer, {.email = "x" + std::to_string(i) + "@example.org"});
  for (simulator::Simulator* api : {&server, &plain}) {
    account.base_url = api->base_url();
    for (const std::string& stray : {answer_of("200 OK", "[]"), answer_of("401 Unauthorized", R"({"error":"no"})"),
                                     answer_of("408 Request Timeout", ""), std::string("x")}) {
      for (const bool apart : {true, false}) {
        api->forget_calls();
        api->answer({}, {.stray = stray, .stray_apart = apart});
        const auto outcomes = read_each(
            2, [&] { ASSERT_TRUE(api->wait_for([](const auto& counters) { return counters.answered == 1; })); });
        for (const Outcome& outcome : outcomes) {
          ASSERT_TRUE(std::holds_alternative<ListRead>(outcome)) << std::get<Fault>(outcome).message;
          EXPECT_EQ(std::get<ListRead>(outcome).entries, 2U);
        }
        EXPECT_EQ(api->counters().calls, 2U);
      }
    }
  }
}

// As load balancers tell an idle connection that its time is over, too late for the call that is under way.
TEST_F(ClientNetwork, AKeptConnectionThatTimesOutIsNoFault) {
  const auto outcomes = read_each(
      2, [&] { server.answer({}, {.status = 408, .body = "<html>Request Timeout</html>", .close_after = true}); });
  EXPECT_THAT(outcomes, testing::Each(testing::VariantWith<ListRead>(testing::_)));
  EXPECT_EQ(server.counters().calls, 3U);
  // To a new connection it is a fault like others.
  EXPECT_EQ(fault({.status = 408, .body = "<html>Request Timeout</html>"}).kind, Kind::unavailable);
}

TEST_F(ClientNetwork, AsksAgainOnlyOnceAndOnlyBeforeAnyByteOfTheAnswer) {
  // On a new connection a reset is a fault.
  server.answer({}, {.reset_request = true}, 0);
  expect_unavailable(EndsWith("the connection was reset"));
  EXPECT_EQ(server.counters().calls, 1);
  server.forget_calls();
  // On a kept one it is asked once more.
  server.clear_answers();
  const auto outcomes = read_each(2, [&] { server.answer({}, {.reset_request = true}, 0); });
  EXPECT_EQ(fault_of(outcomes[1]).kind, Kind::unavailable);
  EXPECT_EQ(server.counters().calls, 3);
  // Once there was a byte of the answer, not.
  server.clear_answers();
  server.forget_calls();
  const auto cut = read_each(2, [&] { server.answer({}, {.cut = 5, .ending = simulator::Ending::reset}, 0); });
  EXPECT_EQ(fault_of(cut[1]).kind, Kind::unavailable);
  EXPECT_EQ(server.counters().calls, 2);
}

// One connection over plain HTTP on which each request is answered by the next of these texts; then it is closed, and
// no other is taken.
asio::awaitable<void> answer_with(asio::ip::tcp::acceptor acceptor, std::vector<std::string> answers) {
  asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  acceptor.close();
  std::string request;
  for (const std::string& answer : answers) {
    const std::size_t size =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
    request.erase(0, size);
    co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
  }
}

TEST_F(ClientNetwork, ReadsHeadsThatTheSimulatorDoesNotSend) {
  const auto outcomes = test::run([&](auto executor) -> asio::awaitable<std::vector<Outcome>> {
    asio::ip::tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
    account.base_url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    const std::string list = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]";
    asio::co_spawn(executor,
                   answer_with(std::move(acceptor), {list, "HTTP/1.1 100 Continue\r\n\r\n" + list, "HTTP/1.1 200 O"}),
                   asio::detached);
    const auto client = make_client(executor, account, deadlines);
    std::vector<Outcome> each;
    for (int call = 0; call < 3; ++call) {
      test::Collected ignored;
      each.push_back(co_await client->read_list(customer, std::nullopt, ignored, {}));
    }
    co_return each;
  });
  EXPECT_TRUE(std::holds_alternative<ListRead>(outcomes[0]));
  EXPECT_TRUE(std::holds_alternative<ListRead>(outcomes[1]));
  // There was a byte of the answer: it is not asked for again, which here would be "Connection refused".
  EXPECT_THAT(fault_of(outcomes[2]).message, EndsWith("closed before the answer was whole"));
}

TEST_F(ClientNetwork, CallsAtTheSameTimeHaveConnectionsOfTheirOwn) {
  server.answer({}, {.hold_head = true}, 2);
  test::run([&](auto executor) -> asio::awaitable<void> {
    const auto client = make_client(executor, account, deadlines);
    test::Collected first;
    test::Collected second;
    int ended = 0;
    asio::steady_timer over(executor, asio::steady_timer::time_point::max());
    for (test::Collected* sink : {&first, &second}) {
      asio::co_spawn(executor, client->read_list(customer, std::nullopt, *sink, {}),
                     [&](std::exception_ptr, Outcome outcome) {
                       EXPECT_TRUE(std::holds_alternative<ListRead>(outcome));
                       if (++ended == 2) over.cancel();
                     });
    }
    while (server.counters().held < 2) {
      asio::steady_timer tick(executor, 1ms);
      co_await tick.async_wait(asio::use_awaitable);
    }
    server.release();
    boost::system::error_code ignored;
    if (ended < 2) co_await over.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  });
  EXPECT_EQ(server.counters().connections, 2);
}

TEST_F(ClientNetwork, VerifiesTheCertificate) {
  const std::string host = "the certificate of localhost:" + std::to_string(server.port()) + " is not valid: ";
  server.use_certificate(Certificate::other_host);
  expect_unavailable(AllOf(HasSubstr(host), HasSubstr("hostname mismatch")));
  server.use_certificate(Certificate::expired);
  expect_unavailable(AllOf(HasSubstr(host), HasSubstr("expired")));
  server.use_certificate(Certificate::unknown_authority);
  expect_unavailable(AllOf(HasSubstr(host), AnyOf(HasSubstr("local issuer"), HasSubstr("signature"))));
  server.use_certificate(Certificate::self_signed);
  expect_unavailable(AllOf(HasSubstr(host), HasSubstr("self"), HasSubstr("ca_file")));
  server.use_certificate(Certificate::good);
  EXPECT_EQ(list(), expected());
  EXPECT_EQ(server.counters().calls, 1);
}

TEST_F(ClientNetwork, TrustsTheSystemsAuthoritiesAndTheFilesBesides) {
  account.ca_file.reset();
  expect_unavailable(AllOf(HasSubstr("local issuer"), HasSubstr("ca_file can name the authority")));
  setenv("SSL_CERT_FILE", server.ca_file().c_str(), 1);
  EXPECT_EQ(list(), expected());
  simulator::Simulator other;
  account.ca_file = other.ca_file();
  EXPECT_EQ(list(), expected());
  setenv("SSL_CERT_FILE", other.ca_file().c_str(), 1);
  account.ca_file = server.ca_file();
  EXPECT_EQ(list(), expected());
}

TEST_F(ClientNetwork, VerifiesAddressesAsNames) {
  account.base_url = "https://127.0.0.1:" + std::to_string(server.port());
  EXPECT_EQ(list(), expected());
  server.use_certificate(Certificate::other_host);
  expect_unavailable(HasSubstr("IP address mismatch"));
}

TEST_F(ClientNetwork, RefusesOldTls) {
  server.use_tls(simulator::Tls::only_1_1);
  expect_unavailable(AllOf(HasSubstr("TLS with localhost"), HasSubstr("failed")));
  EXPECT_EQ(server.counters().calls, 0);
}

TEST_F(ClientNetwork, SpeaksPlainHttp) {
  simulator::Simulator plain({.tls = false, .user = options_.user, .key = options_.key});
  plain.add(customer, {.email = "x@example.org"});
  account.base_url = plain.base_url();
  account.ca_file.reset();
  for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
    plain.answer({}, {.framing = framing});
    EXPECT_THAT(list(), SizeIs(1));
  }
  plain.answer({}, {.framing = Framing::length, .ending = simulator::Ending::broken_off});
  expect_unavailable(HasSubstr("closed before the answer was whole"));
}

TEST_F(ClientNetwork, SaysWhyThereIsNoConnection) {
  server.stop();
  expect_unavailable(AllOf(HasSubstr("cannot connect to localhost:"), EndsWith("Connection refused")));
  account.base_url = "https://no-such-host.invalid";
  expect_unavailable(HasSubstr("cannot look up no-such-host.invalid: "));
}

TEST_F(ClientNetwork, ResetsAreFaults) {
  server.reset_connections(1);
  expect_unavailable(AnyOf(HasSubstr("reset"), HasSubstr("cut off")));
}

TEST_F(ClientNetwork, RefusesAnUnusableCaFile) {
  account.ca_file = "/no/such/file.pem";
  EXPECT_THAT([&] { fault(); }, testing::ThrowsMessage<std::runtime_error>(HasSubstr("/no/such/file.pem")));
}

TEST_F(ClientNetwork, WaitsOnlySoLongForTheFirstByte) {
  deadlines.first_byte = 50ms;
  server.answer({}, {.hold_head = true});
  expect_unavailable(EndsWith("no answer in time"));
}

TEST_F(ClientNetwork, WaitsOnlySoLongInSilence) {
  deadlines.silence = 50ms;
  server.answer({}, {.hold_at = 20});
  expect_unavailable(EndsWith("no answer in time"));
}

TEST_F(ClientNetwork, TakesAsLongAsAListTakes) {
  // Altogether it takes several times what may pass between two pieces.
  deadlines.silence = 2s;
  server.answer({}, {.drip_bytes = 20, .drip_every = 500ms});
  EXPECT_EQ(list(), expected());
}

// Takes connections over plain HTTP, answers each request with `begin`, and goes on with `more` as long as the client
// stays.
asio::awaitable<void> drip(asio::ip::tcp::acceptor& acceptor, std::string begin, std::string more,
                           std::chrono::milliseconds every) {
  while (true) {
    asio::ip::tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    std::string request;
    boost::system::error_code gone;
    auto token = asio::redirect_error(asio::use_awaitable, gone);
    co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", token);
    if (!gone) co_await asio::async_write(socket, asio::buffer(begin), token);
    asio::steady_timer pause(socket.get_executor());
    while (!gone) {
      pause.expires_after(every);
      co_await pause.async_wait(asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(more), token);
    }
  }
}

class SlowServer : public ClientNetwork {
 protected:
  SlowServer() {
    deadlines.total = 300ms;  // in which no silence is as long as its limit
  }

  template <class Result>
  Result call(const std::string& begin, const std::string& more, std::chrono::milliseconds every,
              const std::function<asio::awaitable<Result>(Client&)>& what) {
    return test::run([&](auto executor) -> asio::awaitable<Result> {
      asio::ip::tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
      account.base_url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
      asio::co_spawn(executor, drip(acceptor, begin, more, every), asio::detached);
      const auto client = make_client(executor, account, deadlines);
      Result result = co_await what(*client);
      acceptor.close();
      co_return result;
    });
  }

  // What reading a list and removing an address are told.
  void expect_fault(const std::string& begin, const std::string& more, std::chrono::milliseconds every,
                    const testing::Matcher<std::string>& message) {
    const std::function<asio::awaitable<Outcome>(Client&)> read = [](Client& client) -> asio::awaitable<Outcome> {
      test::Collected ignored;
      co_return co_await client.read_list(customer, std::nullopt, ignored, {});
    };
    const Fault of_list = fault_of(call(begin, more, every, read));
    EXPECT_EQ(of_list.kind, Kind::unavailable);
    EXPECT_THAT(of_list.message, message);
    using Removed = std::variant<Removal, Fault>;
    const std::function<asio::awaitable<Removed>(Client&)> remove = [](Client& client) -> asio::awaitable<Removed> {
      co_return co_await client.remove(customer, Addresses(std::get<Address>(Address::parse("x@example.org"))), {});
    };
    const Removed removed = call(begin, more, every, remove);
    ASSERT_TRUE(std::holds_alternative<Fault>(removed));
    EXPECT_EQ(std::get<Fault>(removed).kind, Kind::unavailable);
    EXPECT_THAT(std::get<Fault>(removed).message, message);
  }
};

const std::string chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const auto too_long_in_all = EndsWith("the answer took too long in all");

TEST_F(SlowServer, AHeadThatDripsEnds) {
  expect_fault("HTTP/1.1 200 OK\r\nX: ", "x", 10ms, too_long_in_all);
}

TEST_F(SlowServer, ABodyThatTricklesEnds) {
  expect_fault(chunked_head, "1\r\n \r\n", 10ms, too_long_in_all);
}

TEST_F(SlowServer, EntriesThatTrickleEnd) {
  // A kilobyte a second is what is waited for; this is less.
  deadlines.bytes_per_second = 100'000;
  const std::function<asio::awaitable<Outcome>(Client&)> read = [](Client& client) -> asio::awaitable<Outcome> {
    test::Collected ignored;
    co_return co_await client.read_list(customer, std::nullopt, ignored, {});
  };
  const std::string entry = R"({"email":"x@example.org"},)";
  const std::string chunk = "1a\r\n" + entry + "\r\n";
  ASSERT_EQ(entry.size(), 0x1a);
  EXPECT_THAT(fault_of(call(chunked_head + "1\r\n[\r\n", chunk, 10ms, read)).message, too_long_in_all);
}

TEST_F(SlowServer, HeadsOf1xxEnd) {
  const std::string head = "HTTP/1.1 100 Continue\r\n\r\n";
  expect_fault(head, head, 50ms, too_long_in_all);
  deadlines.total = 1h;
  expect_fault(head, head, 1ms, HasSubstr("heads of 1xx without end"));
}

TEST_F(SlowServer, ChunkHeadsAndTrailersEnd) {
  const std::string list = chunked_head + "2\r\n[]\r\n";
  for (const std::string& begin : {list + "1;x=", list + "0\r\nTrailer: "}) {
    expect_fault(begin, "x", 10ms, too_long_in_all);
  }
  deadlines.total = 1h;
  for (const std::string& begin : {list + "1;x=", list + "0\r\nTrailer: "}) {
    expect_fault(begin, std::string(8000, 'x'), 1ms, HasSubstr("without end"));
  }
}

TEST_F(SlowServer, AListMayTakeLongerIfItKeepsThePace) {
  // Five times the total, at ten times the pace.
  const auto outcome = test::run([&](auto executor) -> asio::awaitable<Outcome> {
    server.generate(customer, 1, 300);
    server.set_gzip(simulator::Gzip::never);
    server.answer({}, {.drip_bytes = 400, .drip_every = 20ms});
    deadlines.total = 500ms;
    const auto client = make_client(executor, account, deadlines);
    test::Collected ignored;
    co_return co_await client->read_list(customer, std::nullopt, ignored, {});
  });
  ASSERT_TRUE(std::holds_alternative<ListRead>(outcome)) << fault_of(outcome).message;
  EXPECT_EQ(std::get<ListRead>(outcome).entries, 300);
}

TEST_F(ClientNetwork, TheSinksTimeDoesNotCount) {
  deadlines.silence = 300ms;
  deadlines.total = 900ms;
  server.generate(customer, 1, 5000);
  test::Collected slow;
  slow.wait = [&]() -> asio::awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, slow.puts == 1 ? 1s : 0s);
    co_await timer.async_wait(asio::use_awaitable);
  };
  EXPECT_TRUE(std::holds_alternative<ListRead>(read(slow)));
  EXPECT_EQ(slow.bounces.size(), 5000);
}

TEST_F(ClientNetwork, TheServerWaitsForTheSink) {
  constexpr std::uint64_t count = 200'000;
  server.generate(customer, 1, count);
  server.set_gzip(simulator::Gzip::never);
  test::Collected waiting;
  std::uint64_t sent = 0;
  waiting.wait = [&]() -> asio::awaitable<void> {
    if (waiting.puts > 1) co_return;
    // Until nothing more fits into what lies between: then it stands still.
    std::uint64_t before = 0;
    do {
      before = server.counters().body_bytes;
      asio::steady_timer timer(co_await asio::this_coro::executor, 300ms);
      co_await timer.async_wait(asio::use_awaitable);
      sent = server.counters().body_bytes;
    } while (sent != before);
  };
  const Outcome outcome = read(waiting);
  ASSERT_TRUE(std::holds_alternative<ListRead>(outcome));
  EXPECT_EQ(std::get<ListRead>(outcome).entries, count);
  EXPECT_LT(sent, std::get<ListRead>(outcome).bytes / 2);
}

TEST_F(ClientNetwork, PassesOnWhatTheSinkThrows) {
  test::Collected broken;
  broken.wait = []() -> asio::awaitable<void> {
    throw std::logic_error("from the sink");
    co_return;
  };
  EXPECT_THAT([&] { read(broken); }, testing::ThrowsMessage<std::logic_error>("from the sink"));
}

TEST_F(ClientNetwork, EndsWhenCancelledWhileItWaits) {
  for (const bool throws_by_itself : {true, false}) {
    test::Collected ignored;
    server.answer({}, {.hold_head = true});
    EXPECT_EQ(cancelled(
                  ignored, [&] { return server.counters().held == 1; }, throws_by_itself),
              asio::error::operation_aborted);
    server.answer({}, {.hold_at = 30});
    server.release();
    EXPECT_EQ(cancelled(
                  ignored, [&] { return server.counters().held == 1; }, throws_by_itself),
              asio::error::operation_aborted);
    server.release();
    ASSERT_TRUE(server.wait_for([](const auto& counters) { return counters.open == 0; }));
  }
}

TEST_F(ClientNetwork, EndsWhenCancelledWhileTheSinkWorks) {
  for (const bool throws_by_itself : {true, false}) {
    for (const std::uint64_t size : {2, 20'000}) {  // in the last put, and in the middle
      server.generate(customer, 1, size);
      test::Collected working;
      bool in_put = false;
      // Like a call of the database it does not end when it is cancelled.
      working.wait = [&]() -> asio::awaitable<void> {
        in_put = true;
        const auto rest = [](asio::any_io_executor executor) -> asio::awaitable<void> {
          asio::steady_timer timer(executor, 100ms);
          co_await timer.async_wait(asio::use_awaitable);
        };
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [executor, rest](auto handler) {
              asio::co_spawn(executor, rest(executor),
                             [held = std::make_shared<decltype(handler)>(std::move(handler))](std::exception_ptr) {
                               std::move (*held)();
                             });
            },
            asio::use_awaitable);
      };
      EXPECT_EQ(cancelled(
                    working, [&] { return in_put; }, throws_by_itself),
                asio::error::operation_aborted);
      EXPECT_EQ(working.puts, 1);
    }
  }
}

}  // namespace
}  // namespace bounced::api
