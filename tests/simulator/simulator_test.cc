// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/simulator.h"

#include <gmock/gmock.h>
#include <openssl/err.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "tests/simulator/misbehaviour.h"
#include "tests/simulator/raw_client.h"

namespace bounced::simulator {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view end_of_chunks = "\r\n0\r\n\r\n";

constexpr std::string_view credentials = "api_user=user&api_key=secret-key-of-tests&method=bounces";

std::string get(const std::string& rest, const std::string& format = "json", const std::string& headers = "") {
  return "GET /apiv2/reseller.manage." + format + "?" + std::string(credentials) + "&" + rest +
         " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

std::string get_and_close(const std::string& rest, const std::string& format = "json") {
  return get(rest, format, "Connection: close\r\n");
}

class SimulatorTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }
  SimulatorTest() { api_.set_framing(Framing::length); }

  Simulator api_;
};

TEST_F(SimulatorTest, WritesAListInBothFormats) {
  api_.add("c", {.email = "a+b@example.org",
                 .status = "5.1.1",
                 .reason = "<x> & \"y\" https://e/\xc3\xbc",
                 .created = "2024-05-06 07:08:09"});
  EXPECT_EQ(body_of(ask(api_, get_and_close("user=c&task=get&date=1"))),
            R"([{"status": "5.1.1", "created": "2024-05-06 07:08:09", )"
            "\"reason\": \"<x> & \\\"y\\\" https:\\/\\/e\\/\xc3\xbc\", \"email\": \"a+b@example.org\"}]");
  api_.set_style("c", {.escape_unicode = true, .email_first = true});
  EXPECT_EQ(body_of(ask(api_, get_and_close("user=c&task=get"))),
            R"([{"email": "a+b@example.org", "status": "5.1.1", "reason": "<x> & \"y\" https:\/\/e\/\u00fc"}])");
  EXPECT_EQ(
      body_of(ask(api_, get_and_close("user=c&task=get", "xml"))),
      "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<bounces>\n  <bounce>\n    <email>a+b@example.org</email>\n"
      "    <status>5.1.1</status>\n    <reason>&lt;x&gt; &amp; \"y\" https://e/\xc3\xbc</reason>\n  </bounce>\n"
      "</bounces>");
  api_.set_style("c", {.xml_declaration = false, .wrap = true});
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get", "xml")),
              HasSubstr("\r\n\r\n<bounces>\n  <bounce>\n    <email>\n      a+b@example.org\n    </email>\n"));
  api_.clear("c");
  EXPECT_EQ(body_of(ask(api_, get_and_close("user=c&task=get"))), "[]");
  api_.set_style("c", {.xml_declaration = false, .xml_empty_tag = true});
  EXPECT_EQ(body_of(ask(api_, get_and_close("user=c&task=get", "xml"))), "<bounces/>");
}

TEST_F(SimulatorTest, RefusesWhoMayNot) {
  EXPECT_THAT(ask(api_, "GET /apiv2/reseller.manage.json?api_user=user&api_key=x HTTP/1.0\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 401 "),
                    HasSubstr(R"({"error":{"code":401,"message":"Permission denied, wrong credentials"}})")));
  EXPECT_THAT(ask(api_, get_and_close("user=stranger&task=get", "xml")),
              AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("<error>Permission denied, not authorized</error>")));
  EXPECT_THAT(ask(api_, "DELETE /apiv2/reseller.manage.json HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(api_, "GET / HTTP/1.0\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("<html>")));
}

TEST_F(SimulatorTest, DeletesAnAddressAndWithoutOneTheWholeList) {
  api_.set("c", {{.email = "a+b@example.org"}, {.email = "a+b@example.org"}, {.email = "c@example.org"}});
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=delete&email=a%2Bb@example.org")),
              EndsWith("\r\n\r\n{\"message\":\"success\"}"));
  EXPECT_EQ(api_.size("c"), 1u);
  // An unescaped "+" is a blank.
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=delete&email=c+d@example.org")),
              EndsWith("{\"message\":\"Email does not exist\"}"));
  EXPECT_EQ(api_.size("c"), 1u);
  const std::string form = std::string(credentials) + "&user=c&task=delete&email=+";
  EXPECT_THAT(ask(api_, "POST /apiv2/reseller.manage.xml HTTP/1.0\r\nContent-Length: " + std::to_string(form.size()) +
                            "\r\n\r\n" + form),
              EndsWith("<result><message>success</message></result>"));
  EXPECT_EQ(api_.size("c"), 0u);
}

TEST_F(SimulatorTest, MakesTheSameListFromASeedAndKeepsWhatIsChangedInIt) {
  constexpr std::uint64_t count = 10'000;
  api_.generate("c", 7, count);
  Simulator other({.tls = false});
  other.set_framing(Framing::length);
  other.generate("d", 7, count);
  EXPECT_EQ(body_of(ask(api_, get_and_close("user=c&task=get&date=1"))),
            body_of(ask(other, get_and_close("user=d&task=get&date=1"))));

  std::multiset<std::string> emails;
  for (std::uint64_t place = 0; place < count; ++place) emails.insert(*api_.at("c", place)->email);
  const std::set<std::string> addresses(emails.begin(), emails.end());
  EXPECT_NEAR(static_cast<double>(addresses.size()), count * 0.98, count * 0.005);  // one in fifty stands twice
  for (std::uint64_t place = 0; place < count; place += 37) {                       // every address is found again
    const std::string email = *api_.at("c", place)->email;
    if (other.at("d", place)) {
      EXPECT_EQ(other.remove("d", email), emails.count(email)) << email;
    }
    EXPECT_EQ(other.at("d", place), std::nullopt);
  }

  ASSERT_TRUE(api_.remove_at("c", 3));
  EXPECT_FALSE(api_.remove_at("c", 3));
  ASSERT_TRUE(api_.change_reason("c", 4, "changed"));
  EXPECT_EQ(api_.at("c", 3), std::nullopt);
  EXPECT_EQ(api_.at("c", 4)->reason, "changed");
  api_.add_some("c", 300);
  EXPECT_EQ(api_.remove_some("c", 5), 5u);
  EXPECT_EQ(api_.size("c"), count - 1 + 300 - 5);
  for (std::uint64_t place = count; place < count + 300; ++place) emails.insert(*api_.at("c", place)->email);
  EXPECT_EQ(emails.size() - count, 300u);
  EXPECT_EQ(emails.count(*api_.at("c", count)->email), 1u);
}

TEST_F(SimulatorTest, SendsWithoutEnd) {
  struct Case {
    Endless endless;
    std::string begins, repeats;
  };
  api_.add("c", {.email = "x@example.org"});
  for (const auto& [endless, begins, repeats] :
       {Case{Endless::interim_heads, "HTTP/1.1 102 Processing\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n"},
        Case{Endless::header, "HTTP/1.1 200 OK\r\n", "\r\nX-More: of it of it of it of it "},
        Case{Endless::chunk_extension, "HTTP/1.1 200 OK\r\n", "\r\n1;more=of-it;more=of-it;more=of-it"},
        Case{Endless::trailers, "HTTP/1.1 200 OK\r\n", "\r\n0\r\nX-More: of it\r\nX-More: of it\r\n"}}) {
    api_.answer({}, {.framing = Framing::chunked, .drip_every = 1ms, .endless = endless});
    RawClient client(api_);
    client.send(get("user=c&task=get"));
    const std::string in = client.read_until(repeats);
    EXPECT_THAT(in, AllOf(StartsWith(begins), HasSubstr(repeats)));
    EXPECT_EQ(client.end, RawClient::End::open);
    if (endless != Endless::trailers) continue;
    api_.release();
    client.read_until("");
    EXPECT_EQ(client.end, RawClient::End::reset);
  }
  EXPECT_TRUE(api_.wait_for([](const Counters& counters) { return counters.open == 0; }));  // it notices who leaves
}

TEST_F(SimulatorTest, DripsAHeadToo) {
  api_.answer({}, {.status = 204, .drip_bytes = 1, .drip_every = 1ms, .drip_head = true});
  RawClient client(api_);
  client.send(get_and_close("user=c&task=get"));
  EXPECT_EQ(client.read_until("H"), "H");
  EXPECT_THAT(client.read_until(""), AllOf(StartsWith("TTP/1.1 204 "), EndsWith("\r\n\r\n")));
}

TEST_F(SimulatorTest, AnswersAsOthersDo) {
  EXPECT_THAT(foreign_page(302).headers, testing::ElementsAre(testing::Pair("Location", StartsWith("https://"))));
  Call v2;
  v2.path = "/apiv2/reseller.manage.xml";
  v2.format = "xml";
  Call v3;
  v3.path = "/v3/suppression/bounces";
  EXPECT_THAT(*wrong_credentials(v2).body, HasSubstr("<error>Permission denied, wrong credentials</error>"));
  EXPECT_THAT(*forbidden(v3).body, HasSubstr(R"("message":"access forbidden")"));
  EXPECT_THAT(too_many_requests(v3, 3s).headers, testing::ElementsAre(testing::Pair("Retry-After", "3")));
  api_.add("c", {.email = "x@example.org"});
  api_.answer({.task = Task::remove}, foreign_page(404));
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get")), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=delete&email=x@example.org")),
              AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("text/html"), HasSubstr("Request blocked")));
  EXPECT_EQ(api_.size("c"), 1U);
}

TEST_F(SimulatorTest, HonoursDaysInTheAccountsZone) {
  api_.add("c", {.email = "old@example.org", .created = "2020-01-01 00:00:00"});
  api_.add_some("c", 1);  // now
  const std::string today = api_.at("c", 1)->created->substr(0, 10);
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get&date=1&days=1")),
              AllOf(HasSubstr(today), Not(HasSubstr("old@"))));
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get&end_date=2020-01-01")),
              AllOf(HasSubstr("old@"), Not(HasSubstr(*api_.at("c", 1)->email))));
  api_.set_days(Days::ignore);
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get&days=1")), HasSubstr("old@"));
  api_.set_days(Days::refuse);
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get&days=1")), StartsWith("HTTP/1.1 400 "));
}

TEST_F(SimulatorTest, FramesAsItIsTold) {
  api_.answer({}, {.body = "abcde", .framing = Framing::chunked, .chunk = 2});
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get")),
              EndsWith("\r\n\r\n2\r\nab\r\n2\r\ncd\r\n1\r\ne\r\n0\r\n\r\n"));
  api_.answer({}, {.body = "abcde", .framing = Framing::chunked, .drip_bytes = 2, .drip_every = 1ms});
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get")), EndsWith("\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"));
  api_.answer({}, {.body = "abcde", .framing = Framing::until_close});
  EXPECT_THAT(ask(api_, get("user=c&task=get")),
              AllOf(HasSubstr("Connection: close\r\n"), Not(HasSubstr("Length")), EndsWith("\r\n\r\nabcde")));
  api_.answer({}, {.status = 302, .body = "", .content_type = "", .headers = {{"Location", "/x"}, {"Server", "me"}}});
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get")),
              AllOf(StartsWith("HTTP/1.1 302 Found\r\n"), HasSubstr("\r\nLocation: /x\r\n"), HasSubstr("Server: me"),
                    Not(HasSubstr("nginx")), Not(HasSubstr("Content-Type")), HasSubstr("Content-Length: 0\r\n")));
}

TEST_F(SimulatorTest, CutsABodyHonestlyAndNot) {
  using End = RawClient::End;
  const auto cut = [&](Answer answer) {
    answer.body = "abcdefgh";
    api_.answer({}, answer);
    RawClient client(api_);
    client.send(get("user=c&task=get", "json", answer.ending == Ending::honest ? "Connection: close\r\n" : ""));
    const std::string response = client.read_until("");
    return std::pair(client.end, response.substr(response.find("Con")));
  };
  const std::string type = "Content-Type: application/json\r\n";
  const std::string keep = type + "Connection: keep-alive\r\n";
  EXPECT_EQ(cut({.cut = 3}), std::pair(End::closed, type + "Connection: close\r\nContent-Length: 3\r\n\r\nabc"));
  EXPECT_EQ(cut({.cut = 3, .ending = Ending::broken_off}),
            std::pair(End::closed, keep + "Content-Length: 8\r\n\r\nabc"));
  EXPECT_EQ(cut({.cut = 3, .ending = Ending::cut_off}), std::pair(End::cut_off, keep + "Content-Length: 8\r\n\r\nabc"));
  EXPECT_EQ(cut({.ending = Ending::broken_off}), std::pair(End::closed, keep + "Content-Length: 9\r\n\r\nabcdefgh"));
  EXPECT_EQ(cut({.cut = 0, .ending = Ending::reset}).first, End::reset);
  const std::string chunked = keep + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(cut({.framing = Framing::chunked, .cut = 3, .ending = Ending::broken_off}),
            std::pair(End::closed, chunked + "3\r\nabc\r\n"));
  EXPECT_EQ(cut({.framing = Framing::chunked, .ending = Ending::broken_off}),
            std::pair(End::closed, chunked + "8\r\nabcdefgh\r\n"));
  api_.answer({}, {.reset_request = true});
  RawClient client(api_);
  client.send(get("user=c&task=get"));
  EXPECT_EQ(client.read_until(""), "");
  EXPECT_EQ(client.end, End::reset);
}

// What zlib says of the stream at its end, and the text that came out of it.
std::pair<int, std::string> inflated(std::string bytes) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string text(1'000'000, '\0');
  stream.next_in = reinterpret_cast<unsigned char*>(bytes.data());
  stream.avail_in = static_cast<unsigned>(bytes.size());
  stream.next_out = reinterpret_cast<unsigned char*>(text.data());
  stream.avail_out = static_cast<unsigned>(text.size());
  const int result = inflate(&stream, Z_SYNC_FLUSH);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return {result, text};
}

TEST_F(SimulatorTest, CompressesIfAcceptedAndBreaksItOnDemand) {
  api_.generate("c", 1, 1000);
  const std::string plain = body_of(ask(api_, get_and_close("user=c&task=get")));
  const std::string request = get("user=c&task=get", "json", "Accept-Encoding: gzip, br\r\nConnection: close\r\n");
  const std::string response = ask(api_, request);
  EXPECT_THAT(response, HasSubstr("Content-Encoding: gzip\r\n"));
  EXPECT_EQ(inflated(body_of(response)), std::pair(Z_STREAM_END, plain));
  api_.answer({}, {.gzip = Gzip::cut_short});
  EXPECT_EQ(inflated(body_of(ask(api_, request))), std::pair(Z_OK, plain));
  api_.answer({}, {.gzip = Gzip::wrong_checksum});
  EXPECT_EQ(inflated(body_of(ask(api_, request))), std::pair(Z_DATA_ERROR, plain));
  api_.answer({}, {.cut_document = 10});
  EXPECT_EQ(inflated(body_of(ask(api_, request))), std::pair(Z_STREAM_END, plain.substr(0, 10)));
}

TEST_F(SimulatorTest, HoldsAnAnswerUntilReleasedAndRecordsIt) {
  api_.answer({.customer = "c", .task = Task::list}, {.body = "abcdefgh", .framing = Framing::chunked, .hold_at = 3});
  RawClient client(api_);
  client.send(get("user=c&task=get"));
  ASSERT_TRUE(api_.wait_for_held(1));
  EXPECT_THAT(client.read_until("\r\n3\r\nabc\r\n"), EndsWith("\r\n3\r\nabc\r\n"));
  EXPECT_EQ(api_.counters().body_bytes, 3u);
  api_.release();
  EXPECT_EQ(client.read_until(end_of_chunks), "5\r\ndefgh\r\n0\r\n\r\n");

  // On the same connection, and left by the client meanwhile.
  api_.answer({}, {.hold_head = true});
  {
    RawClient second(api_);
    second.send(get("user=c&task=get&x=%41+%2b", "xml"));
    ASSERT_TRUE(api_.wait_for_held(1));
  }
  ASSERT_TRUE(api_.wait_for([](const Counters& c) { return c.ended == 2; }));
  const std::vector<Call> calls = api_.calls();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_TRUE(calls[0].answered);
  EXPECT_EQ(calls[0].body_bytes, 8u);
  EXPECT_EQ(calls[0].tls, "TLSv1.3");
  EXPECT_FALSE(calls[1].answered);
  EXPECT_EQ(calls[1].parameter("x"), "A +");
  EXPECT_EQ(calls[1].parameter("api_key"), "secret-key-of-tests");
  EXPECT_EQ(calls[1].header("host"), "localhost");
  EXPECT_EQ(calls[1].format, "xml");
  EXPECT_EQ(calls[1].connection, 2u);
  EXPECT_EQ(api_.counters().held, 0u);
}

TEST_F(SimulatorTest, AnswersInTheOrderThatWasAskedForAndAsksTheHookFirst) {
  api_.answer({.customer = "other"}, {.body = "not this"});
  api_.answer({.customer = "c"}, {.body = "twice"}, 2);
  api_.answer({}, {.body = "for ever"}, 0);
  api_.set_hook([this](const Call& call) -> std::optional<Answer> {
    api_.add("c", {.email = call.parameter("email")});
    if (call.task() == "delete") return Answer{.body = "hook"};
    return std::nullopt;
  });
  std::string bodies;
  for (const std::string task : {"get", "delete", "get", "get", "get"}) {
    bodies += body_of(ask(api_, get_and_close("user=c&task=" + task))) + ", ";
  }
  EXPECT_EQ(bodies, "twice, hook, twice, for ever, for ever, ");
  EXPECT_EQ(api_.size("c"), 5u);
}

TEST_F(SimulatorTest, ACallSeesTheListAsItWas) {
  api_.generate("c", 1, 2000);
  const std::string whole = body_of(ask(api_, get_and_close("user=c&task=get")));
  api_.answer({}, {.framing = Framing::until_close, .hold_at = 100});
  RawClient client(api_);
  client.send(get("user=c&task=get"));
  ASSERT_TRUE(api_.wait_for_held(1));
  api_.clear("c");
  api_.release();
  EXPECT_EQ(body_of(client.read_until("")), whole);
  EXPECT_EQ(api_.size("c"), 0u);
}

TEST_F(SimulatorTest, KeepsConnectionsAndClosesThemWhenTold) {
  api_.add_customer("c");
  RawClient client(api_);
  for (int i = 0; i < 2; ++i) {
    client.send(get("user=c&task=get"));
    EXPECT_THAT(client.read_until("[]"), EndsWith("[]"));
  }
  EXPECT_EQ(api_.counters().connections, 1u);
  api_.close_idle();
  EXPECT_EQ(client.read_until(""), "");
  EXPECT_EQ(client.end, RawClient::End::closed);
  ASSERT_TRUE(api_.wait_for([](const Counters& c) { return c.open == 0; }));
}

TEST_F(SimulatorTest, GoesAwayAndComesBackOnTheSamePort) {
  api_.add("c", {.email = "a@example.org"});
  api_.answer({}, {.hold_head = true});
  RawClient client(api_);
  client.send(get("user=c&task=get"));
  ASSERT_TRUE(api_.wait_for_held(1));
  const auto port = api_.port();
  api_.stop();
  EXPECT_EQ(client.read_until(""), "");
  EXPECT_EQ(client.end, RawClient::End::reset);
  EXPECT_FALSE(RawClient(api_).connected());
  api_.start();
  EXPECT_EQ(api_.port(), port);
  EXPECT_THAT(ask(api_, get_and_close("user=c&task=get")), HasSubstr("a@example.org"));

  api_.reset_connections(1);
  EXPECT_FALSE(RawClient(api_).shaken());
  EXPECT_TRUE(RawClient(api_).shaken());
}

TEST_F(SimulatorTest, ShowsWrongCertificatesAndOldTls) {
  const auto verdict = [&](Certificate certificate) {
    api_.use_certificate(certificate);
    RawClient client(api_);
    EXPECT_EQ(client.shaken(), client.verdict() == X509_V_OK);
    return client.verdict();
  };
  EXPECT_EQ(verdict(Certificate::other_host), X509_V_ERR_HOSTNAME_MISMATCH);
  EXPECT_EQ(verdict(Certificate::expired), X509_V_ERR_CERT_HAS_EXPIRED);
  EXPECT_EQ(verdict(Certificate::self_signed), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
  const long unknown = verdict(Certificate::unknown_authority);
  EXPECT_THAT(unknown, testing::AnyOf(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_CERT_SIGNATURE_FAILURE));
  ASSERT_TRUE(api_.wait_for([](const Counters& c) { return c.failed_handshakes == 4; }));
  EXPECT_EQ(verdict(Certificate::good), X509_V_OK);
  api_.use_tls(Tls::only_1_1);
  EXPECT_FALSE(RawClient(api_).shaken());
  EXPECT_TRUE(RawClient(api_, TLS1_1_VERSION).shaken());
}

TEST(SimulatorEnd, TakesItsFolderWithIt) {
  std::string file;
  {
    Simulator api;
    file = api.ca_file();
    EXPECT_TRUE(std::filesystem::exists(file));
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(file).parent_path()));
}

}  // namespace
}  // namespace bounced::simulator
