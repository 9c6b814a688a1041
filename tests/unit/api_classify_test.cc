// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/classify.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <functional>

#include "sync/api/parse/presentable.h"

namespace bounced::api {
namespace {

using Kind = Fault::Kind;
using Origin = Fault::Origin;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view key = "Zwölf+5/key";  // of characters that are written as %XX

Fault classify(int status, std::string body) {
  Answer answer;
  answer.status = status;
  answer.body = std::move(body);
  if (status == 200) answer.not_a_list = "at byte 7: syntax error";
  return classify(answer, key);
}

// Each shape of error that can carry words, in JSON and XML.
std::vector<std::string> shapes(const std::string& words) {
  return {R"({"error":")" + words + R"("})",
          R"({"error":{"code":401,"message":")" + words + R"("}})",
          R"({"message":"error","errors":[")" + words + R"("]})",
          R"({"errors":[")" + words + R"("],"message":"error"})",
          R"({"errors":[{"field":null,"message":")" + words + R"(","help":null}]})",
          R"({"message":")" + words + R"("})",
          "<result><message>error</message><errors><error>" + words + "</error></errors></result>",
          "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<result>\n <errors>\n <error>" + words +
              "</error>\n</errors><message>error</message></result>",
          "<result><message>" + words + "</message></result>",
          "<result>" + words + "</result>",
          "<error><code>401</code><message>" + words + "</message></error>"};
}

TEST(Classify, KnowsTheWordsInEveryShapeAtEveryStatus) {
  const std::pair<const char*, Kind> known[] = {{"Permission denied, wrong credentials", Kind::credentials},
                                                {"Bad username / password", Kind::credentials},
                                                {"Invalid username and/or password", Kind::credentials},
                                                {"authorization required", Kind::credentials},
                                                {"Permission denied, not authorized", Kind::not_permitted},
                                                {"access forbidden", Kind::not_permitted},
                                                {"Too many requests", Kind::rate_limited}};
  for (const auto& [words, kind] : known) {
    for (const std::string& body : shapes(words)) {
      for (const int status : {200, 400, 401, 403, 404, 500, 502}) {
        const Fault fault = classify(status, body);
        EXPECT_EQ(fault.kind, kind) << status << body;
        EXPECT_EQ(fault.http_status, status);
        EXPECT_THAT(fault.message,
                    AllOf(EndsWith(": \"" + std::string(words) + '"'), HasSubstr(std::to_string(status))))
            << body;
      }
    }
  }
}

TEST(Classify, TakesOtherWordsByTheStatus) {
  for (const std::string& body : shapes("No such thing")) {
    for (const auto& [status, kind] : {std::pair(200, Kind::refused),
                                       {400, Kind::refused},
                                       {401, Kind::credentials},
                                       {403, Kind::not_permitted},
                                       {404, Kind::refused},
                                       {429, Kind::rate_limited},
                                       {500, Kind::unavailable},
                                       {503, Kind::unavailable}}) {
      const Fault fault = classify(status, body);
      EXPECT_EQ(fault.kind, kind) << status << body;
      EXPECT_THAT(fault.message, EndsWith(": \"No such thing\"")) << body;
    }
  }
}

TEST(Classify, JoinsSeveralErrors) {
  EXPECT_THAT(classify(400, R"({"message":"error","errors":["one","two"]})").message, EndsWith("\"one; two\""));
  EXPECT_THAT(
      classify(400, "<result><message>error</message><errors><error>one</error><error>two</error></errors></result>")
          .message,
      EndsWith("\"one; two\""));
}

TEST(Classify, AnswersWithoutWords) {
  for (const std::string body : {"", " \n", "{}", "{\"message\":\"success\"}", "<result/>", "{\"error\":\"x", "[1]",
                                 "<bounces/>", "<bounces><bounce>", "<result><message>x", "\x01\x02\x03", "[] x"}) {
    EXPECT_EQ(classify(200, body).kind, Kind::not_understood) << body;
    EXPECT_EQ(classify(204, body).kind, Kind::not_understood) << body;
    EXPECT_EQ(classify(502, body).kind, Kind::unavailable) << body;
    EXPECT_EQ(classify(429, body).kind, Kind::rate_limited) << body;
    EXPECT_EQ(classify(401, body).kind, Kind::credentials) << body;
    EXPECT_EQ(classify(403, body).kind, body == R"({"message":"success"})" ? Kind::not_permitted : Kind::unavailable)
        << body;
    EXPECT_EQ(classify(404, body).kind, body == R"({"message":"success"})" ? Kind::refused : Kind::unavailable) << body;
    EXPECT_EQ(classify(407, body).kind, Kind::unavailable) << body;
  }
  EXPECT_EQ(classify(200, "").message, "HTTP 200: the answer is empty");
  EXPECT_EQ(classify(200, "[1] x").message, "HTTP 200: the answer is not understood, at byte 7: syntax error");
}

TEST(Classify, QuotesPages) {
  const std::string page =
      "<!DOCTYPE html>\n<html><head><title>\n502 Bad &amp; "
      "<b>Gateway</b></title><style>x{}</style></head><body>nginx</body></html>";
  for (const int status : {200, 502}) {
    const Fault fault = classify(status, page);
    EXPECT_EQ(fault.kind, Kind::unavailable);
    EXPECT_THAT(fault.message, EndsWith(": a page instead of an answer: \"502 Bad & Gateway\""));
  }
  EXPECT_THAT(classify(500, "<html><script>var x = '<p>';</script><!-- no --><h1>Internal</h1> <p>error</p>").message,
              EndsWith("\"Internal error\""));
  EXPECT_THAT(classify(503, "<html><head><title/></head><body>Down</body></html>").message, EndsWith("\"Down\""));
  EXPECT_EQ(classify(200, "upstream connect error").kind, Kind::unavailable);
  EXPECT_THAT(classify(200, "upstream connect error").message, EndsWith("\"upstream connect error\""));
  EXPECT_EQ(classify(404, page).kind, Kind::unavailable);
  EXPECT_EQ(classify(200, "Permission denied, wrong credentials").kind, Kind::credentials);
}

// Whatever stands between may say anything with any status: it is not the API's word about the request.
TEST(Classify, SaysWhoSaidSo) {
  for (const int status : {200, 400, 401, 403, 404, 429, 500, 502}) {
    for (const std::string& body : shapes("No such thing"))
      EXPECT_EQ(classify(status, body).origin, Origin::api) << body;
    for (const std::string body : {"", "{}", "Access forbidden", "<html><title>Access forbidden</title></html>",
                                   "<html><h1>Too many requests</h1>", "<!DOCTYPE html><title>Sign in</title>",
                                   "{\"error\":\"x", "[1]", "\x01\x02"}) {
      const Fault fault = classify(status, body);
      EXPECT_EQ(fault.origin, Origin::between) << status << body;
      EXPECT_NE(fault.kind, Kind::not_permitted) << status << body;
      EXPECT_NE(fault.kind, Kind::refused) << status << body;
    }
  }
  // What gateways and stores say.
  for (const std::string body : {"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>",
                                 "<svg><text>not here</text></svg>"}) {
    EXPECT_EQ(classify(404, body).origin, Origin::between) << body;
    EXPECT_EQ(classify(404, body).kind, Kind::unavailable) << body;
  }
  // v3 has one way to say errors.
  for (const std::string body : {R"({"message":"no Route matched"})", R"({"error":"Bad Request"})", "{}",
                                 "<result><message>x</message></result>"}) {
    Answer answer;
    answer.status = 400;
    answer.api = config::Api::v3;
    answer.body = body;
    EXPECT_EQ(classify(answer, key).origin, Origin::between) << body;
    answer.body = R"({"errors":[{"field":null,"message":"no"}]})";
    EXPECT_EQ(classify(answer, key).origin, Origin::api);
  }
  // The API never redirects.
  EXPECT_EQ(classify(302, R"({"error":"x"})").origin, Origin::between);
  EXPECT_EQ(classify(307, R"({"error":"access forbidden"})").kind, Kind::unavailable);
}

TEST(Classify, DoesNotExpandEntities) {
  const Fault fault =
      classify(500, R"(<!DOCTYPE r [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><result>&b;</result>)");
  EXPECT_EQ(fault.kind, Kind::unavailable);
  EXPECT_THAT(fault.message, Not(HasSubstr("aaa")));
}

TEST(Classify, PassesRetryAfterWhereWaitingHelps) {
  Answer answer;
  answer.retry_after = std::chrono::seconds(7);
  answer.body = R"({"error":"no"})";
  for (const auto& [status, expected] : {std::pair(429, answer.retry_after), {503, answer.retry_after}, {404, {}}}) {
    answer.status = status;
    EXPECT_EQ(classify(answer, key).retry_after, expected) << status;
  }
}

TEST(Classify, NamesOnlyTheHostOfARedirect) {
  Answer answer;
  answer.status = 302;
  for (const auto& [location, named] :
       {std::pair("http://other.example:81/apiv2?api_key=secret", "to http://other.example:81 is not followed"),
        {"https://other.example?api_key=secret", "to https://other.example is not followed"},
        {"https://me:secret@other.example/", "to an address with a user in it is not followed"},
        {"/apiv2?api_key=secret", "to a path of the same host is not followed"}}) {
    answer.location = location;
    const Fault fault = classify(answer, key);
    EXPECT_EQ(fault.kind, Kind::unavailable);
    EXPECT_EQ(fault.origin, Origin::between);
    EXPECT_THAT(fault.message, AllOf(HasSubstr(named), Not(HasSubstr("secret"))));
  }
}

TEST(Classify, NeverShowsTheKey) {
  for (const std::string& shown : {std::string(key), std::string("Zw%C3%B6lf%2B5%2Fkey"),
                                   std::string("Zw%c3%b6lf%2b5%2fkey"), std::string("%5Aw%C3%B6lf+5/%6b%65%79")}) {
    for (std::string body : shapes("bad call ?api_key=" + shown + "&user=x")) {
      if (body.front() == '<') body.replace(body.find("&user"), 1, "&amp;");
      EXPECT_THAT(classify(400, body).message, EndsWith("\"bad call ?api_key=***&user=x\"")) << body;
    }
    EXPECT_THAT(classify(502, "<html><title>" + shown + "</title>").message, EndsWith("\"***\""));
    // A body that is cut within it.
    EXPECT_THAT(classify(502, "no route to " + shown.substr(0, shown.size() - 2)).message,
                HasSubstr("\"no route to ***"));
  }
  EXPECT_EQ(presentable(std::string_view("a Zw\0xyz b", 10), "Zwxyz"), "a *** b");
  EXPECT_EQ(presentable("a b", ""), "a b");
}

// Every way in which a server may repeat a request.
TEST(Presentable, ShowsNoPartOfTheKeyInWhateverEncoding) {
  const std::string secret = "SG.aB3-dE6_gH9+jK/2=mN5";
  const auto each = [&](const std::function<std::string(unsigned char)>& write) {
    std::string text;
    for (const char c : secret) text += write(static_cast<unsigned char>(c));
    return text;
  };
  const auto percent = [](unsigned char c) { return fmt::format("%{:02X}", c); };
  const auto again = [](std::string text, const std::string& what, const std::string& with) {
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
      text.replace(at, what.size(), with);
    }
    return text;
  };
  std::string upper = secret;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  const std::vector<std::string> ways{
      secret, upper, secret.substr(0, 9), secret.substr(5), secret.substr(7, 8) + "and more", "x" + secret + "x",
      each(percent), each([](unsigned char c) { return fmt::format("%{:02x}", c); }), again(each(percent), "%", "%25"),
      again(again(each(percent), "%", "%25"), "%", "%25"),
      each([](unsigned char c) { return fmt::format("&#{};", c); }),
      each([](unsigned char c) { return fmt::format("&#x{:X};", c); }),
      again(each([](unsigned char c) { return fmt::format("&#{};", c); }), "&", "&amp;"),
      each([](unsigned char c) { return fmt::format("\\u{:04x}", c); }),
      again(each([](unsigned char c) { return fmt::format("\\u{:04x}", c); }), "\\", "\\\\"),
      each([](unsigned char c) { return fmt::format("\\x{:02x}", c); }), again(secret, "/", "\\/"),
      again(again(secret, "/", "\\/"), "+", "&plus;"), again(again(secret, "=", "&equals;"), "_", "&lowbar;"),
      each([](unsigned char c) { return fmt::format("={:02X}", c); }),
      each([](unsigned char c) { return fmt::format("{:02x}", c); }),
      // base64 of the key, and of texts with it
      "U0cuYUIzLWRFNl9nSDkraksvMj1tTjU=", "dXNlcjpTRy5hQjMtZEU2X2dIOStqSy8yPW1ONQ==",
      "eFNHLmFCMy1kRTZfZ0g5K2pLLzI9bU41", "eHhTRy5hQjMtZEU2X2dIOStqSy8yPW1ONQ==", "eFNHLmFCMy1kRTZfZ0g5K2pLLzI9bU41eA"};
  for (const std::string& way : ways) {
    for (const std::string& text : {"bad call (" + way + ")", "?user=x&api_key=" + way + "&task=get"}) {
      const std::string shown = presentable(text, secret);
      EXPECT_THAT(shown, HasSubstr("***")) << text;
      for (std::size_t i = 0; i + 12 <= way.size(); ++i) {
        EXPECT_THAT(shown, Not(HasSubstr(way.substr(i, 12)))) << text;
      }
    }
  }
  // Whatever follows its name, and words that are no key stay.
  EXPECT_EQ(presentable("api_key=other&x", secret), "api_key=***&x");
  EXPECT_EQ(presentable("API_KEY%3Dother%26x", secret), "API_KEY%3D***%26x");
  EXPECT_EQ(presentable("api_key&#61;\"other\" x", secret), "api_key&#61;\"***\" x");
  EXPECT_EQ(presentable("Authorization: Bearer 0123456789abcdef, x", secret), "Authorization: Bearer ***, x");
  for (const char* plain : {"the api_key is wrong", "bearer token needed", "basic access", "100 % of = 5 &c; \\"}) {
    EXPECT_EQ(presentable(plain, secret), plain);
  }
}

TEST(Presentable, IsOneCleanLineOfBoundedSize) {
  EXPECT_EQ(presentable("a\r\nb\x1b[31mc\x7f \xC2\x9B\xC2\xA0x\xE9y", "key"), "a b [31mc x\uFFFDy");
  EXPECT_EQ(presentable("a\u202Eb\u061Cc\u2066d\u2029e\uFEFF", "key"), "abcd e");
  EXPECT_EQ(presentable("a sec\u200Bret b", "secret"), "a *** b");
  EXPECT_EQ(presentable(std::string(499, 'x') + "é", "key"), std::string(499, 'x'));
  EXPECT_EQ(presentable(std::string(498, 'x') + "é", "key"), std::string(498, 'x') + "é");
}

}  // namespace
}  // namespace bounced::api
