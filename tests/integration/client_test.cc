// SPDX-License-Identifier: Apache-2.0
// What the v2 client asks, and what it makes of each answer.
#include "tests/integration/client_fixture.h"

namespace bounced::api {
namespace {

using config::Format;
using config::Method;
using simulator::Answer;
using simulator::Ending;
using simulator::Framing;
using simulator::Gzip;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using Kind = Fault::Kind;

class ClientAnswers : public test::ClientTest {};

TEST_F(ClientAnswers, ReadsAListInEveryFormatMethodFramingAndPacking) {
  for (const Format format : {Format::json, Format::xml}) {
    for (const Method method : {Method::get, Method::post}) {
      for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
        for (const Gzip gzip : {Gzip::never, Gzip::if_accepted}) {
          for (const std::size_t chunk : {1, 5, 4000}) {
            account.format = format;
            account.method = method;
            EXPECT_EQ(list({.framing = framing, .chunk = chunk, .gzip = gzip}), expected())
                << int(format) << int(method) << int(framing) << int(gzip) << ' ' << chunk;
          }
        }
      }
    }
  }
}

TEST_F(ClientAnswers, AsksForWhatIsMeant) {
  list();
  account.method = Method::post;
  account.format = Format::xml;
  list(3);
  const auto calls = server.calls();
  ASSERT_EQ(calls.size(), 2);
  for (const auto& call : calls) {
    EXPECT_EQ(call.parameter("api_user"), options_.user);
    EXPECT_EQ(call.parameter("api_key"), options_.key);
    EXPECT_EQ(call.parameter("method"), "bounces");
    EXPECT_EQ(call.parameter("task"), "get");
    EXPECT_EQ(call.parameter("user"), customer);
    EXPECT_EQ(call.parameter("date"), "1");
    EXPECT_EQ(call.header("Host"), "localhost:" + std::to_string(server.port()));
    EXPECT_EQ(call.header("Accept-Encoding"), "gzip");
    EXPECT_THAT(call.header("User-Agent"), testing::MatchesRegex("bounced/[0-9]+\\.[0-9]+\\.[0-9]+"));
    EXPECT_THAT(call.tls, testing::AnyOf("TLSv1.2", "TLSv1.3"));
  }
  EXPECT_EQ(calls[0].method, "GET");
  EXPECT_EQ(calls[0].path, "/apiv2/reseller.manage.json");
  EXPECT_FALSE(calls[0].has_parameter("days"));
  EXPECT_EQ(calls[1].method, "POST");
  EXPECT_EQ(calls[1].path, "/apiv2/reseller.manage.xml");
  EXPECT_FALSE(calls[1].in_query);
  EXPECT_EQ(calls[1].parameter("days"), "3");
}

TEST_F(ClientAnswers, CountsWhatItReads) {
  server.set(customer,
             {{.email = "x@example.org"}, {.email = std::nullopt}, {.email = " "}, {.email = std::string(1001, 'x')}});
  test::Collected collected;
  const ListRead read = std::get<ListRead>(this->read(collected));
  EXPECT_EQ(read.entries, 1);
  EXPECT_EQ(read.without_email, 2);
  EXPECT_EQ(read.too_long, 1);
  EXPECT_FALSE(read.complete());
  ASSERT_TRUE(server.wait_for([](const auto& counters) { return counters.answered == 1; }));
  EXPECT_EQ(read.bytes, server.calls().at(0).body_bytes);
}

TEST_F(ClientAnswers, AListWithoutAnyEmailIsNone) {
  server.set(customer, {{.email = std::nullopt}, {.email = ""}});
  const Fault fault = this->fault();
  EXPECT_EQ(fault.kind, Kind::not_understood);
  EXPECT_THAT(fault.message, HasSubstr("none of its 2 entries has an email"));
}

TEST_F(ClientAnswers, ReadsEmptyLists) {
  server.clear(customer);
  for (const Format format : {Format::json, Format::xml}) {
    account.format = format;
    EXPECT_THAT(list(), IsEmpty());
  }
}

TEST_F(ClientAnswers, ReadsALongListInBatches) {
  server.generate(customer, 7, 30'000);
  std::vector<db::ListedBounce> first;
  for (const Format format : {Format::json, Format::xml}) {
    account.format = format;
    test::Collected collected;
    EXPECT_EQ(std::get<ListRead>(read(collected)).entries, 30'000);
    EXPECT_GT(collected.puts, 10);
    EXPECT_LT(collected.largest * sizeof(db::ListedBounce), batch_bytes);
    if (first.empty()) first = collected.bounces;
    EXPECT_TRUE(collected.bounces == first);
  }
}

TEST_F(ClientAnswers, NoCutListIsAList) {
  for (const Format format : {Format::json, Format::xml}) {
    account.format = format;
    for (const Gzip gzip : {Gzip::never, Gzip::always}) {
      for (const std::uint64_t cut : {0, 1, 2, 15, 40}) {
        // Framed honestly, only the document itself tells that it was cut.
        for (const Framing framing : {Framing::length, Framing::chunked, Framing::until_close}) {
          const Fault fault = this->fault({.framing = framing, .gzip = gzip, .cut_document = cut});
          EXPECT_EQ(fault.kind, Kind::not_understood) << fault.message;
        }
        for (const Ending ending : {Ending::broken_off, Ending::cut_off, Ending::reset}) {
          for (const Framing framing : {Framing::length, Framing::chunked}) {
            const Fault fault = this->fault({.framing = framing, .gzip = gzip, .cut = cut, .ending = ending});
            EXPECT_EQ(fault.kind, Kind::unavailable) << fault.message;
          }
        }
      }
    }
  }
}

TEST_F(ClientAnswers, AWholeListWhoseFramingDoesNotEndIsNone) {
  for (const Ending ending : {Ending::broken_off, Ending::cut_off, Ending::reset}) {
    for (const Framing framing : {Framing::length, Framing::chunked}) {
      EXPECT_EQ(fault({.framing = framing, .ending = ending}).kind, Kind::unavailable);
    }
  }
  // A body that ends with the connection ends only with TLS's own close.
  for (const Ending ending : {Ending::cut_off, Ending::reset}) {
    const Answer answer{.body = "[]", .framing = Framing::until_close, .gzip = Gzip::never, .cut = 2, .ending = ending};
    const Fault fault = this->fault(answer);
    EXPECT_EQ(fault.kind, Kind::unavailable);
    EXPECT_THAT(fault.message, testing::AnyOf(EndsWith("was cut off"), EndsWith("was reset")));
  }
}

TEST_F(ClientAnswers, BrokenPackingIsNoList) {
  EXPECT_THAT(fault({.gzip = Gzip::cut_short}).message, HasSubstr("gzip"));
  EXPECT_THAT(fault({.gzip = Gzip::wrong_checksum}).message, HasSubstr("gzip"));
  EXPECT_THAT(fault({.headers = {{"Content-Encoding", "br"}}, .gzip = Gzip::never}).message,
              HasSubstr("not asked for"));
  EXPECT_THAT(fault({.body = "[]", .headers = {{"Content-Encoding", "gzip"}}, .gzip = Gzip::never}).message,
              HasSubstr("gzip"));
}

TEST_F(ClientAnswers, NothingMayFollowAList) {
  EXPECT_THAT(list({.body = "[]\r\n \t"}), IsEmpty());
  EXPECT_EQ(fault({.body = "[]x"}).kind, Kind::not_understood);
  EXPECT_EQ(fault({.body = R"([]{"error":"late"})"}).kind, Kind::not_understood);
  account.format = Format::xml;
  EXPECT_THAT(list({.body = "<bounces/>\n"}), IsEmpty());
  EXPECT_EQ(fault({.body = "<bounces/><bounces/>"}).kind, Kind::not_understood);
}

TEST_F(ClientAnswers, TellsErrorsApartInEveryShape) {
  const std::string words = "Permission denied, wrong credentials";
  for (const std::string& body :
       {R"({"error":")" + words + R"("})", R"({"error":{"code":401,"message":")" + words + R"("}})",
        R"({"message":"error","errors":[")" + words + R"("]})",
        R"({"errors":[{"field":null,"message":")" + words + R"("}]})", R"({"message":")" + words + R"("})",
        "<result><message>error</message><errors><error>" + words + "</error></errors></result>"}) {
    for (const int status : {200, 400, 401, 500}) {
      for (const char* type : {"application/json", "text/html", "application/xml", ""}) {
        for (const Format format : {Format::json, Format::xml}) {
          account.format = format;
          const Fault fault = this->fault({.status = status, .body = body, .content_type = type});
          EXPECT_EQ(fault.kind, Kind::credentials) << status << body;
          EXPECT_THAT(fault.message, EndsWith('"' + words + '"'));
          EXPECT_EQ(fault.http_status, status);
        }
      }
    }
  }
}

TEST_F(ClientAnswers, TellsOtherAnswersApart) {
  EXPECT_EQ(fault({.body = "{}"}).kind, Kind::not_understood);
  EXPECT_EQ(fault({.body = ""}).kind, Kind::not_understood);
  EXPECT_EQ(fault({.body = R"({"message":"any other text"})"}).kind, Kind::refused);
  EXPECT_EQ(fault({.status = 502, .body = ""}).kind, Kind::unavailable);
  EXPECT_EQ(fault({.status = 404, .body = ""}).kind, Kind::unavailable);
  EXPECT_EQ(fault({.status = 206, .body = "[]"}).kind, Kind::not_understood);
  const std::string page =
      "<html><head><title>502 Bad Gateway</title></head><body>" + std::string(200'000, 'x') + "</body></html>";
  for (const int status : {200, 502}) {
    const Fault fault = this->fault({.status = status, .body = page, .content_type = "text/html"});
    EXPECT_EQ(fault.kind, Kind::unavailable);
    EXPECT_THAT(fault.message, EndsWith("\"502 Bad Gateway\""));
  }
}

TEST_F(ClientAnswers, WrongCredentialsAndCustomers) {
  server.remove_account(options_.user);
  EXPECT_EQ(fault().kind, Kind::credentials);
  server.add_account(options_.user, options_.key);
  server.remove_customer(customer);
  EXPECT_EQ(fault().kind, Kind::not_permitted);
}

TEST_F(ClientAnswers, PassesOnHowLongToWait) {
  EXPECT_THAT(fault({.status = 429, .body = "", .headers = {{"Retry-After", "17"}}}).retry_after,
              Optional(std::chrono::seconds(17)));
  // By the server's own clock, if it tells it.
  EXPECT_THAT(fault({.status = 503,
                     .body = "",
                     .headers = {{"Date", "Sun, 06 Nov 2016 08:49:37 GMT"}, {"X-RateLimit-Reset", "1478422200"}}})
                  .retry_after,
              Optional(std::chrono::seconds(23)));
  const Fault fault = this->fault({.status = 429, .body = ""});
  EXPECT_EQ(fault.kind, Kind::rate_limited);
  EXPECT_EQ(fault.retry_after, std::nullopt);
}

TEST_F(ClientAnswers, DoesNotFollowRedirects) {
  simulator::Simulator elsewhere;
  const std::string url = elsewhere.base_url() + "/?api_key=secret";
  for (const int status : {301, 302, 307, 308}) {
    const Fault fault = this->fault({.status = status, .body = "", .headers = {{"Location", url}}});
    EXPECT_EQ(fault.kind, Kind::unavailable);
    EXPECT_EQ(fault.origin, Fault::Origin::between);
    EXPECT_THAT(fault.message,
                AllOf(HasSubstr("redirect to " + elsewhere.base_url() + " "), HasSubstr("not followed")));
  }
  EXPECT_EQ(elsewhere.counters().connections, 0);
}

TEST_F(ClientAnswers, NeverShowsTheKey) {
  const std::string encoded = "k%C3%A9y%2B%2F%26%3D%25secret";
  for (const std::string& shown : {options_.key, encoded}) {
    const Fault fault = this->fault({.status = 400, .body = R"({"error":"bad call: )" + shown + R"(!"})"});
    EXPECT_THAT(fault.message, EndsWith("\"bad call: ***!\""));
  }
}

TEST_F(ClientAnswers, RefusesEndlessHeads) {
  const Fault fault = this->fault({.headers = {{"X-Long", std::string(100'000, 'x')}}});
  EXPECT_EQ(fault.kind, Kind::unavailable);
  EXPECT_THAT(fault.message, HasSubstr("not valid HTTP"));
}

// Fifty megabytes of blanks, packed to fifty kilobytes.
TEST_F(ClientAnswers, UnpacksABombPieceByPiece) {
  const std::string bomb = "[" + std::string(50'000'000, ' ') + "]";
  EXPECT_THAT(list({.body = bomb, .gzip = Gzip::always}), IsEmpty());
}

TEST_F(ClientAnswers, AnErrorThatBrokeOffIsNotTheApisWord) {
  const std::string body = R"({"error":{"code":403,"message":"Permission denied, not authorized"}})";
  EXPECT_EQ(fault({.status = 403, .body = body}).origin, Fault::Origin::api);
  for (const std::uint64_t cut : {body.size() - 1, body.size()}) {
    const Fault broken = fault({.status = 403, .body = body, .cut = cut, .ending = Ending::broken_off});
    EXPECT_EQ(broken.origin, Fault::Origin::network) << cut;
    EXPECT_EQ(broken.kind, Kind::unavailable) << cut;
  }
}

}  // namespace
}  // namespace bounced::api
