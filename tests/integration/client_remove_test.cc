// SPDX-License-Identifier: Apache-2.0
// The client's deletions: what is asked, and what is made of each answer and each fault of the network.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/integration/client_fixture.h"

namespace bounced::api {
namespace {

using namespace std::chrono_literals;
using config::Format;
using config::Method;
using simulator::Answer;
using simulator::Ending;
using Kind = Fault::Kind;
namespace asio = boost::asio;

class ClientRemove : public test::ClientTest {
 protected:
  using Outcome = std::variant<Removal, Fault>;

  static Address address(std::string_view text) { return std::get<Address>(Address::parse(text)); }

  // Deletions one after another by one client.
  std::vector<Outcome> remove_all(std::vector<std::string> emails, const std::function<void()>& between = {}) {
    return test::run([&](auto executor) -> asio::awaitable<std::vector<Outcome>> {
      const auto client = make_client(executor, account, deadlines);
      std::vector<Outcome> outcomes;
      for (const std::string& email : emails) {
        if (!outcomes.empty() && between) between();
        outcomes.push_back(co_await client->remove(customer, address(email), {}));
      }
      co_return outcomes;
    });
  }
  Outcome remove(const std::string& email) { return remove_all({email}).at(0); }
  Outcome remove(const Answer& answer) {
    server.answer({}, answer);
    return remove("x@example.org");
  }
  static std::string said(const Outcome& outcome) {
    if (const auto* fault = std::get_if<Fault>(&outcome)) {
      EXPECT_THAT(fault->message, testing::Not(testing::HasSubstr("secret")));
      return name(fault->kind);
    }
    const auto& removal = std::get<Removal>(outcome);
    return std::string(removal.outcome == Removed::deleted ? "deleted" : "not_listed") +
           (removal.sent_twice ? " sent twice" : "");
  }
};

TEST_F(ClientRemove, DeletesInEveryFormatAndMethod) {
  for (const Format format : {Format::json, Format::xml}) {
    for (const Method method : {Method::get, Method::post}) {
      account.format = format;
      account.method = method;
      server.add(customer, {.email = "gone@example.org"});
      EXPECT_EQ(said(remove("gone@example.org")), "deleted");
      EXPECT_EQ(said(remove("gone@example.org")), "not_listed");
      const auto call = server.calls().back();
      EXPECT_EQ(call.parameter("task"), "delete");
      EXPECT_EQ(call.parameter("method"), "bounces");
      EXPECT_EQ(call.customer(), customer);
      EXPECT_EQ(call.in_query, method == Method::get);
      EXPECT_EQ(call.method, method == Method::get ? "GET" : "POST");
    }
  }
  EXPECT_EQ(server.size(customer), 2U);
}

TEST_F(ClientRemove, AnAddressArrivesByteForByte) {
  for (const Method method : {Method::get, Method::post}) {
    account.method = method;
    for (const std::string email :
         {"a+b@example.org", "a&email=@example.org", "a%40b=c#d?e@example.org", "%", "+", "&", "\"a b\"@example.org",
          "ü@exämple.org", "o'brien;x@example.org", "a\\b@example.org"}) {
      server.add(customer, {.email = email});
      EXPECT_EQ(said(remove(email)), "deleted") << email;
      EXPECT_EQ(server.calls().back().parameter("email"), email);
      EXPECT_EQ(server.size(customer), 2U) << email;
    }
  }
}

TEST_F(ClientRemove, EachErrorShapeIsTheFaultThatItIs) {
  const std::vector<std::pair<std::string, std::string>> shapes_and_kinds = {
      {R"({"error":"Permission denied, wrong credentials"})", "credentials"},
      {R"({"error":{"code":401,"message":"Bad username / password"}})", "credentials"},
      {R"({"message":"error","errors":["Permission denied, not authorized"]})", "not_permitted"},
      {"<result><message>error</message><errors><error>Invalid username and/or password</error></errors></result>",
       "credentials"},
      {R"({"errors":[{"field":null,"message":"too many requests"}]})", "rate_limited"},
      {R"({"message":"that is not to be deleted"})", "refused"},
      {"{}", "not_understood"},
      {"[]", "not_understood"},
      {R"({"message":"success","errors":["but no"]})", "refused"},
      {"<html><title>success</title></html>", "unavailable"},
      {"success", "unavailable"},
      {"", "not_understood"}};
  for (const auto& [body, kind] : shapes_and_kinds) {
    EXPECT_EQ(said(remove(Answer{.status = 200, .body = body})), kind) << body;
    for (const auto& [status, other] : {std::pair(429, "rate_limited"), {500, "unavailable"}, {502, "unavailable"}}) {
      const std::string found = said(remove(Answer{.status = status, .body = body}));
      EXPECT_THAT(found, testing::AnyOf(other, kind)) << status << body;
    }
  }
  for (const int status : {400, 401, 403, 404, 429, 500, 503}) {
    EXPECT_THAT(said(remove(Answer{.status = status, .body = R"({"message":"success"})"})),
                testing::AnyOf("refused", "credentials", "not_permitted", "rate_limited", "unavailable"))
        << status;
  }
  EXPECT_EQ(server.size(customer), 2U);
}

TEST_F(ClientRemove, AnAnswerThatIsNotWholeIsNone) {
  deadlines.first_byte = deadlines.silence = 300ms;
  Answer answer;
  answer.body = R"({"message":"success"})";
  for (const Ending ending : {Ending::broken_off, Ending::cut_off, Ending::reset}) {
    answer.ending = ending;
    for (const std::uint64_t cut : {0, 5, 20, 21}) {
      answer.cut = cut;
      EXPECT_EQ(said(remove(answer)), "unavailable") << int(ending) << ' ' << cut;
    }
  }
  EXPECT_EQ(said(remove(Answer{.body = answer.body, .gzip = simulator::Gzip::wrong_checksum})), "unavailable");
  // Nor is a refusal: it would fail the request for good.
  for (const std::string& body :
       {std::string(R"({"error":"strange"})"), std::string(R"({"error":"Permission denied, not authorized"})")}) {
    for (const std::uint64_t cut : {body.size() - 1, body.size()}) {
      EXPECT_EQ(said(remove(Answer{.status = 400, .body = body, .cut = cut, .ending = Ending::broken_off})),
                "unavailable");
    }
  }
  Answer silent;
  silent.hold_head = true;
  EXPECT_EQ(said(remove(silent)), "unavailable");
  Answer half = {.body = answer.body};
  half.hold_at = 5;
  EXPECT_EQ(said(remove(half)), "unavailable");
}

TEST_F(ClientRemove, ConnectionsAreKept) {
  const auto outcomes = remove_all({"1@x", "2@x", "3@x", "x@example.org"});
  EXPECT_EQ(said(outcomes.back()), "deleted");
  EXPECT_EQ(server.counters().connections, 1U);
}

// The connection breaks after the API has done it and before it says so: the second call finds nothing.
TEST_F(ClientRemove, ASecondSendingOnAKeptConnectionIsTold) {
  Answer reset;
  reset.reset_request = true;
  const auto outcomes = remove_all({"first@x", "x@example.org"}, [&] { server.answer({}, reset); });
  EXPECT_EQ(said(outcomes[1]), "not_listed sent twice");
  // Whatever the second answer is.
  for (const int status : {401, 403, 429, 500}) {
    const auto faults = remove_all({"first@x", "x@example.org"}, [&] {
      server.answer({}, reset);
      server.answer({}, {.status = status, .body = R"({"error":"no"})"});
    });
    EXPECT_TRUE(std::get<Fault>(faults[1]).sent_twice) << status;
    EXPECT_EQ(std::get<Fault>(faults[1]).origin, Fault::Origin::api) << status;
  }
  EXPECT_EQ(server.size(customer), 1U);
  // On a new connection it is a fault, and the caller's to repeat.
  EXPECT_EQ(said(remove(reset)), "unavailable");
}

TEST_F(ClientRemove, AConnectionClosedMeanwhileIsNoFault) {
  const auto outcomes = remove_all({"first@x", "x@example.org"}, [&] {
    server.close_idle();
    server.wait_for([](const auto& counters) { return counters.open == 0; });
  });
  EXPECT_THAT(said(outcomes[1]), testing::StartsWith("deleted"));
}

TEST_F(ClientRemove, CancellingEndsItSoon) {
  Answer silent;
  silent.hold_head = true;
  server.answer({}, silent);
  const auto error = test::run([&](auto executor) -> asio::awaitable<boost::system::error_code> {
    const auto client = make_client(executor, account, deadlines);
    asio::cancellation_signal signal;
    asio::steady_timer timer(executor);
    boost::system::error_code ended;
    bool over = false;
    const auto on_end = [&](const std::exception_ptr& failure, const Outcome&) {
      over = true;
      try {
        if (failure) std::rethrow_exception(failure);
      } catch (const boost::system::system_error& system) {
        ended = system.code();
      }
    };
    asio::co_spawn(executor, client->remove(customer, address("x@example.org"), {}),
                   asio::bind_cancellation_slot(signal.slot(), on_end));
    while (!over) {
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
      if (server.counters().held > 0) signal.emit(asio::cancellation_type::terminal);
    }
    co_return ended;
  });
  EXPECT_EQ(error, asio::error::operation_aborted);
}

// The simulator empties a list where a deletion names no address, as the real API may. Whatever the text is: either no
// address can be made of it, or the call removes that address alone.
TEST_F(ClientRemove, NoTextEmptiesAList) {
  int refused = 0;
  for (const std::string& text :
       {std::string(), std::string(" "), std::string("\t"), std::string("\r\n"), std::string("\0", 1),
        std::string("\u00a0"), std::string("\u200b"), std::string("\ufeff"), std::string("\x01"), std::string("\x7f"),
        std::string("%20"), std::string("%00"), std::string("+"), std::string("&"), std::string("="),
        std::string("&email="), std::string("null"), std::string("\xc0\x80"), std::string("\u3164")}) {
    const auto parsed = Address::parse(text);
    if (std::holds_alternative<std::string>(parsed)) {
      ++refused;
      continue;
    }
    remove(text);
    EXPECT_EQ(server.size(customer), 2U) << text;
  }
  EXPECT_GE(refused, 10);
}

}  // namespace
}  // namespace bounced::api
