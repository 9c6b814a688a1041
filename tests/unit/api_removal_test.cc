// SPDX-License-Identifier: Apache-2.0
// Addresses that a deletion may name, and what answers to deletions say.
#include <gmock/gmock.h>

#include <array>
#include <string>
#include <type_traits>

#include "sync/api/address.h"
#include "sync/api/parse/removal.h"

namespace bounced::api {
namespace {

// No object can be blank: none is made without a text, and none loses its text.
static_assert(!std::is_default_constructible_v<Address>);
static_assert(!std::is_constructible_v<Address, std::string>);
static_assert(!std::is_constructible_v<Address, std::string_view>);
static_assert(!std::is_copy_assignable_v<Address> && !std::is_move_assignable_v<Address>);

std::string refusal(std::string_view text) {
  const auto parsed = Address::parse(text);
  const auto* why = std::get_if<std::string>(&parsed);
  return why != nullptr ? *why : "";
}
std::string text_of(std::string_view text) {
  return std::get<Address>(Address::parse(text)).text();
}

// What is blank, or shows nothing: alone, twice, and mixed.
constexpr std::array<std::string_view, 32> blanks{
    "",       " ",      "\u00a0", "\u00ad",   "\u1680",       "\u180e",       "\u2000",       "\u2001",
    "\u2002", "\u2003", "\u2004", "\u2005",   "\u2006",       "\u2007",       "\u2008",       "\u2009",
    "\u200a", "\u200b", "\u200c", "\u200d",   "\u2028",       "\u2029",       "\u202f",       "\u205f",
    "\u2060", "\u3000", "\ufeff", " \u200b ", "\u3000\ufeff", "\u00ad\u2060", "   \u00a0   ", "\u200d\u200c\u200b"};

TEST(Address, IsNeverBlank) {
  for (const std::string_view one : blanks) {
    EXPECT_EQ(refusal(one), "is blank") << one;
    for (const std::string_view other : blanks) {
      EXPECT_EQ(refusal(std::string(one) + std::string(other)), "is blank") << one << other;
    }
  }
}

// Characters that show nothing, of whatever kind: a server may strip them.
TEST(Address, OfWhatShowsNothingIsBlank) {
  for (const std::string_view one : {"\u200e", "\u3164", "\u034f", "\uffa0", "\u2064", "\U000e0041"}) {
    EXPECT_EQ(refusal(one), "is blank") << one;
    EXPECT_NE(refusal("a" + std::string(one) + "@example.com"), "is blank") << one;
  }
}

TEST(Address, HasNoControlCharactersAnywhere) {
  for (int code = 0; code < 0x20; ++code) {
    EXPECT_EQ(refusal(std::string(1, static_cast<char>(code))), "has control characters") << code;
    EXPECT_EQ(refusal("a@example.com" + std::string(1, static_cast<char>(code))), "has control characters") << code;
  }
  for (const char* text : {"\x7f", "a\x7f", "a\u0080", "a\u0085", "\u009f"}) {
    EXPECT_EQ(refusal(text), "has control characters");
  }
}

TEST(Address, IsValidUtf8OfAtMostAThousandBytes) {
  EXPECT_EQ(refusal(std::string(1000, 'x')), "");
  EXPECT_EQ(refusal(std::string(1001, 'x')), "is longer than 1000 bytes");
  EXPECT_EQ(refusal("   " + std::string(1000, 'x') + "   "), "");
  for (const char* text : {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80"}) EXPECT_EQ(refusal(text), "is not valid UTF-8");
}

TEST(Address, KeepsItsTextButForBlanksAtTheEnds) {
  EXPECT_EQ(text_of("a+b&c=d%20#?@example.com"), "a+b&c=d%20#?@example.com");
  EXPECT_EQ(text_of("\u00a0 \"a b\"@example.com \u3000"), "\"a b\"@example.com");
  EXPECT_EQ(text_of("ü@exämple.com"), "ü@exämple.com");
  EXPECT_EQ(text_of("Capital@Example.COM"), "Capital@Example.COM");
}

TEST(Address, AMoveLeavesItWhole) {
  Address one = std::get<Address>(Address::parse("a@example.com"));
  const Address other = std::move(one);
  EXPECT_EQ(one.text(), "a@example.com");  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(other.text(), "a@example.com");
}

constexpr const char* success = R"({"message":"success"})";
constexpr const char* absent = R"({"message":"Email does not exist"})";

TEST(Removal, OnlyAWholeGoodAnswerIsSuccess) {
  for (const char* body :
       {success, "\xEF\xBB\xBF{\"message\":\"success\"}\n", R"({ "message" : "Success." })",
        "<result><message>success</message></result>", "<result>success</result>",
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<result>\n <message> success </message>\n</result>\n"}) {
    EXPECT_EQ(read_removal(200, body), Removed::deleted) << body;
    for (const int status : {400, 401, 403, 404, 408, 429, 500, 502, 503, 301}) {
      EXPECT_EQ(read_removal(status, body), std::nullopt) << status << body;
    }
  }
}

TEST(Removal, AnAbsentAddressIsNotListed) {
  for (const char* body :
       {absent, R"({"message":"email does not exist."})", "<result><message>Email does not exist</message></result>",
        "<result>Email does not exist</result>"}) {
    for (const int status : {200, 400, 404})
      EXPECT_EQ(read_removal(status, body), Removed::not_listed) << status << body;
    for (const int status : {401, 403, 429, 500, 502}) EXPECT_EQ(read_removal(status, body), std::nullopt) << status;
  }
}

TEST(Removal, NothingElseIsEither) {
  for (const char* body : {"",
                           " ",
                           "{}",
                           "[]",
                           "success",
                           "\"success\"",
                           "null",
                           "{\"message\":\"success\"",
                           "{\"message\":\"success\"}x",
                           "{\"message\":\"success\"}{\"message\":\"success\"}",
                           R"({"message":"success","errors":["no"]})",
                           R"({"message":"success","error":"no"})",
                           R"({"message":"error","errors":["success, not"]})",
                           R"({"message":"successful"})",
                           R"({"message":"not a success"})",
                           R"({"message":["success","no"]})",
                           R"({"error":{"code":401,"message":"no"}})",
                           R"({"msg":"success"})",
                           "<html><title>success</title></html>",
                           "<html><body>success</body></html>",
                           "<result><message>success</message>",
                           "<bounces/>",
                           "<result><message>success</message><errors><error>no</error></errors></result>",
                           "<!DOCTYPE x><result>success</result>",
                           "<result>success</result>x"}) {
    EXPECT_EQ(read_removal(200, body), std::nullopt) << body;
  }
}

}  // namespace
}  // namespace bounced::api
