// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/list_parser.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace bounced::api {
namespace {

using config::Format;
using db::ListedBounce;
using db::LocalTime;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

struct Parsed {
  bool whole = false;  // a list, known to be complete
  bool is_list = false;
  std::vector<ListedBounce> bounces;
  std::uint64_t without_email = 0;
  std::uint64_t too_long = 0;
  std::string error;
};

Parsed parse(Format format, const std::vector<std::string_view>& pieces) {
  const auto parser = make_list_parser(format);
  Parsed parsed;
  bool good = true;
  for (const std::string_view piece : pieces) {
    // A copy of just that size, so that the address sanitizer sees a read beyond it.
    const std::vector<char> copy(piece.begin(), piece.end());
    good = good && parser->write({copy.data(), copy.size()}, parsed.bounces);
  }
  parsed.whole = good && parser->finish(parsed.bounces);
  parsed.is_list = parser->is_list();
  parsed.without_email = parser->counts().without_email;
  parsed.too_long = parser->counts().too_long;
  parsed.error = parser->error();
  EXPECT_EQ(parser->counts().entries, parsed.bounces.size());
  EXPECT_EQ(parsed.whole, parsed.error.empty());
  return parsed;
}

// Whole, byte by byte, and cut in two at each place: always the same.
Parsed parse(Format format, std::string_view document) {
  Parsed whole = parse(format, std::vector{document});
  std::vector<std::vector<std::string_view>> cuts(1);
  for (std::size_t at = 0; at < document.size(); ++at) {
    cuts.front().push_back(document.substr(at, 1));
    if (document.size() < 2000) cuts.push_back({document.substr(0, at), document.substr(at)});
  }
  for (const auto& pieces : cuts) {
    const Parsed cut = parse(format, pieces);
    const auto where = testing::Message() << pieces.size() << " pieces, the first \""
                                          << (pieces.empty() ? "" : pieces[0]) << "\", of: " << document << '\n';
    EXPECT_EQ(cut.whole, whole.whole) << where << cut.error;
    EXPECT_EQ(cut.is_list, whole.is_list) << where;
    EXPECT_EQ(cut.bounces, whole.bounces) << where;
    EXPECT_EQ(cut.without_email, whole.without_email) << where;
    EXPECT_EQ(cut.too_long, whole.too_long) << where;
  }
  return whole;
}

Parsed json(std::string_view document) {
  return parse(Format::json, document);
}
Parsed xml(std::string_view document) {
  return parse(Format::xml, document);
}

std::string json_reason(std::string_view text) {
  const Parsed parsed = json(R"([{"email":"a@b","reason":")" + std::string(text) + R"("}])");
  EXPECT_TRUE(parsed.whole) << parsed.error;
  return parsed.bounces.empty() ? "" : parsed.bounces[0].reason;
}

std::string xml_reason(std::string_view text, std::string_view declaration = "") {
  const Parsed parsed = xml(std::string(declaration) + "<bounces><bounce><email>a@b</email><reason>" +
                            std::string(text) + "</reason></bounce></bounces>");
  EXPECT_TRUE(parsed.whole) << parsed.error;
  return parsed.bounces.empty() ? "" : parsed.bounces[0].reason;
}

const ListedBounce first{"a@example.com", "5.1.1", "550 5.1.1 <a@example.com>... Unknown",
                         LocalTime{"2011-09-16 22:02:19"}};
const ListedBounce second{"b+c@example.com", "550", "see http://example.com/?a=1&b=2 é", std::monostate{}};

constexpr std::string_view json_document =
    R"([{"status":"5.1.1","created":"2011-09-16 22:02:19","reason":"550 5.1.1 <a@example.com>... Unknown ",)"
    R"("email":"a@example.com"},{"email":"b+c@example.com","reason":"see http:\/\/example.com\/?a=1&b=2 \u00e9","status":"550"}])";

constexpr std::string_view xml_document =
    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<bounces>\n  <bounce>\n    <status>5.1.1</status>\n"
    "    <created>2011-09-16 22:02:19</created>\n    <reason>550 5.1.1\n  &lt;a@example.com&gt;...   Unknown "
    "</reason>\n"
    "    <email>a@example.com</email>\n  </bounce>\n"
    "<bounce><email> b+c@example.com\n</email><reason>see <![CDATA[http://example.com/?a=1&b=2]]> \xE9</reason>"
    "<status>550</status></bounce></bounces>\n";

TEST(ListParser, ReadsTheSameFromJsonAndXml) {
  for (const Parsed& parsed : {json(json_document), xml(xml_document)}) {
    EXPECT_TRUE(parsed.whole) << parsed.error;
    EXPECT_TRUE(parsed.is_list);
    EXPECT_THAT(parsed.bounces, ElementsAre(first, second));
  }
}

TEST(ListParser, NoPrefixOfAListIsWhole) {
  for (std::size_t size = 0; size < json_document.size(); ++size) {
    EXPECT_FALSE(parse(Format::json, std::vector{json_document.substr(0, size)}).whole) << size;
  }
  const std::size_t end = xml_document.rfind('>');
  for (std::size_t size = 0; size <= end; ++size) {
    EXPECT_FALSE(parse(Format::xml, std::vector{xml_document.substr(0, size)}).whole) << size;
  }
}

TEST(ListParser, ReadsEmptyLists) {
  for (const std::string_view text : {"[]", " [ ]\r\n", "\xEF\xBB\xBF[]"}) {
    const Parsed parsed = json(text);
    EXPECT_TRUE(parsed.whole) << text << parsed.error;
    EXPECT_THAT(parsed.bounces, IsEmpty());
  }
  for (const std::string_view text :
       {"<bounces/>", "<bounces></bounces>", "\xEF\xBB\xBF\n<?xml version='1.0'?><bounces> </bounces> \n",
        "<bounces><!-- none --></bounces>", "<bounces/><!-- generated in 0.1 s -->",
        "<bounces></bounces>\n<?php?>\n"}) {
    const Parsed parsed = xml(text);
    EXPECT_TRUE(parsed.whole) << text << parsed.error;
    EXPECT_THAT(parsed.bounces, IsEmpty());
  }
}

TEST(ListParser, TellsWhatIsNoListFromABrokenOne) {
  for (const std::string_view text : {R"({"error":"x"})", "{}", "null", "\"text\"", "5", "true"}) {
    const Parsed parsed = json(text);
    EXPECT_FALSE(parsed.whole) << text;
    EXPECT_FALSE(parsed.is_list) << text;
  }
  for (const std::string_view text : {"", "  ", "<html></html>", "garbage"}) {
    const Parsed parsed = json(text);
    EXPECT_FALSE(parsed.whole) << text;
    EXPECT_FALSE(parsed.is_list) << text;
  }
  for (const std::string_view text :
       {"[1]", "[[]]", R"(["a@b"])", "[null]", "[}", "[{]", "[{}", "[,]", "[] []", "[]x", "[]]",
        R"([{"email":"a@b"},])", R"([{"email":"a@b"} {"email":"a@b"}])", R"([{"email":a@b}])"}) {
    const Parsed parsed = json(text);
    EXPECT_FALSE(parsed.whole) << text;
    EXPECT_TRUE(parsed.is_list) << text;
    EXPECT_THAT(parsed.error, StartsWith("at byte "));
  }
  for (const std::string_view text : {"<result/>", "<html><body/></html>", "<bounce/>"}) {
    const Parsed parsed = xml(text);
    EXPECT_FALSE(parsed.whole) << text;
    EXPECT_FALSE(parsed.is_list) << text;
  }
  for (const std::string_view text : {"", "[]", "garbage", "<!DOCTYPE bounces><bounces/>"}) {
    const Parsed parsed = xml(text);
    EXPECT_FALSE(parsed.whole) << text;
    EXPECT_FALSE(parsed.is_list) << text;
  }
  for (const std::string_view text :
       {"<bounces>Permission denied</bounces>", "<bounces><error>no</error></bounces>", "<bounces><bounce></bounces>",
        "<bounces/>x", "<bounces/><bounces/>", "<bounces/><!-- more", "<bounces/><!-- -->x",
        "<bounces><error/></bounces>", "<bounces><bounce><email>a@b & c</email></bounce></bounces>",
        "<bounces><bounce><email>&eacute;</email></bounce></bounces>"}) {
    const Parsed parsed = xml(text);
    EXPECT_FALSE(parsed.whole) << text;
    EXPECT_TRUE(parsed.is_list) << text;
    EXPECT_THAT(parsed.error, StartsWith("at byte "));
  }
}

// parse() cuts it at each place.
TEST(ListParser, LongCharacterReferencesMeanTheSameHoweverTheyAreCut) {
  for (const char* reference :
       {"&#65;", "&#x41;", "&#0000000000065;", "&#00000000000000065;", "&#x00000000000000000041;"}) {
    const Parsed parsed = xml("<bounces><bounce><email>a" + std::string(reference) + "b</email></bounce></bounces>");
    ASSERT_TRUE(parsed.whole) << reference << ": " << parsed.error;
    EXPECT_EQ(parsed.bounces.at(0).email, "aAb");
  }
  for (const char* reference : {"&#00000000000000000000;", "&#x0000000000000000D800;", "&#99999999999999999999;"}) {
    EXPECT_FALSE(xml("<bounces><bounce><email>a" + std::string(reference) + "b</email></bounce></bounces>").whole);
  }
}

TEST(ListParser, SaysWhere) {
  EXPECT_EQ(json("[{\"email\":\"a@b\"},\n{\"email\":nix}]").error, "at byte 27: syntax error");
  EXPECT_EQ(json("[]  x").error, "at byte 4: something follows the list");
  EXPECT_EQ(xml("<bounces><bounce></email></bounce>").error, "at byte 19: mismatched tag");
}

TEST(ListParser, RefusesDoctypesBeforeTheirEntitiesGrow) {
  const Parsed parsed =
      xml(R"(<!DOCTYPE bounces [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><bounces><bounce>)"
          R"(<email>a@b</email><reason>&b;</reason></bounce></bounces>)");
  EXPECT_THAT(parsed.error, HasSubstr("DOCTYPE"));
  EXPECT_THAT(parsed.bounces, IsEmpty());
}

TEST(ListParser, CountsEntriesWithoutAnEmail) {
  const Parsed from_json =
      json(R"([{"email":"a@b"},{"reason":"x"},{"email":null},{"email":" \u00a0\t"},{"email":{"email":"c@d"}},{}])");
  EXPECT_TRUE(from_json.whole) << from_json.error;
  EXPECT_THAT(from_json.bounces, SizeIs(1));
  EXPECT_EQ(from_json.without_email, 5);
  const Parsed from_xml =
      xml("<bounces><bounce/><bounce><email/></bounce><bounce><email>&#xA0; \n</email></bounce>"
          "<bounce><email><a>c@d</a></email></bounce><bounce><email>a@b</email></bounce></bounces>");
  EXPECT_TRUE(from_xml.whole) << from_xml.error;
  EXPECT_THAT(from_xml.bounces, SizeIs(1));
  EXPECT_EQ(from_xml.without_email, 4);
}

TEST(ListParser, CountsTooLongEmails) {
  const std::string fits(1000, 'a');
  const Parsed parsed =
      parse(Format::json, std::vector<std::string_view>{R"([{"email":"  )", fits, R"(    "},{"email":")", fits,
                                                        R"(b"},{"email":"a)", std::string(998, ' '), R"(bb"}])"});
  EXPECT_TRUE(parsed.whole) << parsed.error;
  ASSERT_THAT(parsed.bounces, SizeIs(1));
  EXPECT_EQ(parsed.bounces[0].email, fits);
  EXPECT_EQ(parsed.too_long, 2);
  EXPECT_EQ(parsed.without_email, 0);
}

TEST(ListParser, TakesTheLastOfARepeatedKey) {
  EXPECT_THAT(json(R"([{"email":"x@y","status":"1","email":"a@b","status":"2","reason":"r","reason":null}])").bounces,
              ElementsAre(ListedBounce{"a@b", "2", "", {}}));
  EXPECT_THAT(xml("<bounces><bounce><email>x@y</email><status>1</status><email>a@b</email><status>2</status>"
                  "<reason>r</reason><reason/></bounce></bounces>")
                  .bounces,
              ElementsAre(ListedBounce{"a@b", "2", "", {}}));
}

TEST(ListParser, KeepsEntriesApart) {
  EXPECT_THAT(
      json(R"([{"email":"a@b","status":"1","reason":"r","created":"2011-09-16 22:02:19"},{"email":"c@d"}])").bounces,
      ElementsAre(testing::_, ListedBounce{"c@d", "", "", {}}));
}

TEST(ListParser, IgnoresWhatItDoesNotKnow) {
  const ListedBounce expected{"a@b", "550", "", {}};
  EXPECT_THAT(
      json(
          R"([{"emails":"x","email_":[1,2,{"email":"n@n","a":[[]]}],"email":"a@b","status":550,"reason":["x"],"":{},"ok":true}])")
          .bounces,
      ElementsAre(expected));
  EXPECT_THAT(xml("<bounces a='1'><bounce id='2'>\n<x><email>n@n</email></x>text<email>a@b</email><status>550</status>"
                  "<reason><b>x</b></reason></bounce></bounces>")
                  .bounces,
              ElementsAre(expected));
  std::string keys = "[{";
  for (const char* key : {"email", "status", "reason", "created"}) {
    keys += '"' + std::string(key) + std::string(5000, 'x') + R"(":"y",)";
  }
  const Parsed long_keys = parse(Format::json, std::vector<std::string_view>{keys, R"("email":"a@b","status":550}])"});
  EXPECT_THAT(long_keys.bounces, ElementsAre(expected)) << long_keys.error;
}

TEST(ListParser, FollowsNestingToALimit) {
  const auto nested = [](std::size_t depth) {
    return R"([{"email":"a@b","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}]";
  };
  EXPECT_TRUE(parse(Format::json, std::vector<std::string_view>{nested(max_depth - 2)}).whole);
  EXPECT_FALSE(parse(Format::json, std::vector<std::string_view>{nested(1'000'000)}).whole);
  std::string tags = "<bounces><bounce>";
  for (int count = 0; count < 1'000'000; ++count) tags += "<a>";
  EXPECT_THAT(parse(Format::xml, std::vector<std::string_view>{tags}).error, HasSubstr("nested too deep"));
}

TEST(ListParser, DoesNotCollectATagWithoutEnd) {
  const std::string part(10'000, 'x');
  std::vector<std::string_view> pieces(1000, part);
  pieces.insert(pieces.begin(), "<bounces><!--");
  EXPECT_THAT(parse(Format::xml, pieces).error, AllOf(StartsWith("at byte 0:"), HasSubstr("without end")));
}

TEST(ListParser, ReadsNumbersAsTheyStand) {
  for (const std::string_view number : {"550", "5.10", "-1", "1e5", "18446744073709551615", "0.0"}) {
    const Parsed parsed = json(R"([{"status":)" + std::string(number) + R"(,"email":"a@b"}])");
    ASSERT_THAT(parsed.bounces, SizeIs(1)) << parsed.error;
    EXPECT_EQ(parsed.bounces[0].status, number);
  }
}

TEST(ListParser, MendsText) {
  EXPECT_EQ(json_reason("a\x01\x02\n\tb"), "a b");
  EXPECT_EQ(json_reason(std::string_view("a\0b", 3)), "a b");
  EXPECT_EQ(json_reason(R"(a\u0000b\u0007c)"), "ab c");
  EXPECT_EQ(json_reason(R"(\ud83d)"), "\uFFFD");
  EXPECT_EQ(json_reason(R"(\ud83dx)"), "\uFFFDx");
  EXPECT_EQ(json_reason(R"(\uDE00)"), "\uFFFD");
  EXPECT_EQ(json_reason(R"(\ud83d\n\ude00)"), "\uFFFD \uFFFD");
  EXPECT_EQ(json_reason(R"(\ud83d\ud83d\ude00)"), "\uFFFD\U0001F600");
  EXPECT_EQ(json_reason(R"(\ud83d\u0041)"), "\uFFFDA");
  EXPECT_EQ(json_reason(R"(\\ud83d\\\ude00\/\")"), R"(\ud83d\)"
                                                   "\uFFFD/\"");
  EXPECT_EQ(json_reason("\xE9t\xE9 \xE2\x82"), "\uFFFDt\uFFFD \uFFFD");
  EXPECT_EQ(json_reason("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(json_reason("\xEF\xBF\xBE"), "\uFFFD");

  EXPECT_EQ(xml_reason("a\x01\x02\n\tb"), "a b");
  EXPECT_EQ(xml_reason(std::string_view("a\0b", 3)), "a b");
  EXPECT_EQ(xml_reason("a&#0;b&#7;c&#x1F;d"), "ab c d");
  EXPECT_EQ(xml_reason("&#xD83D;&#xFFFE;&#99999999;&#65535;"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(xml_reason("&#65;&#x42;&#10;&amp;#0;&lt;"), "AB &#0;<");
  EXPECT_EQ(xml_reason("\xE9t\xE9 \xE2\x82"), "\uFFFDt\uFFFD \uFFFD");
  EXPECT_EQ(xml_reason("\xEF\xBF\xBE"), "\uFFFD");
}

TEST(ListParser, ReadsLatin1WhereTheDeclarationSaysSo) {
  constexpr std::string_view latin1 = "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>";
  EXPECT_EQ(xml_reason("\xE9t\xE9 \xC3\xA9 \xE2\x82 \xE2\x82\xAC \xFF", latin1), "été é â\u0082 € ÿ");
  EXPECT_EQ(xml_reason("\xC3\xA9 \xE9", "<?xml version='1.0' encoding='UTF-8'?>"), "é \uFFFD");
  EXPECT_EQ(xml_reason("\xC3\xA9 \xE9", "<?xml version='1.0' encoding='ISO-8859-15'?>"), "é \uFFFD");
  EXPECT_EQ(xml_reason("x", "<?xml version='1.0' encoding='no-such'?>"), "x");
}

TEST(ListParser, BothFormatsOfOneListAreTheSameList) {
  for (const std::string_view text :
       {"a  b", "\u3000a\u2003b\u00a0", "x\u0085y", "\xC3\xA9", "\xEF\xBF\xBF", "e\xCC\x81", "a\x7f"}) {
    EXPECT_EQ(json_reason(text), xml_reason(text)) << text;
  }
}

TEST(ListParser, CutsLongTextAtACharacter) {
  const std::string text = std::string(16 * 1024 - 1, 'x') + "é";
  const std::string document = R"([{"email":"a@b","reason":")" + text + R"(","status":")" + text.substr(1) + R"("}])";
  const Parsed parsed = parse(Format::json, std::vector<std::string_view>{document});
  ASSERT_THAT(parsed.bounces, SizeIs(1));
  EXPECT_EQ(parsed.bounces[0].reason, text.substr(0, 16 * 1024 - 1));
  EXPECT_EQ(parsed.bounces[0].status, text.substr(1));
}

TEST(ListParser, ReadsMomentsWhereTheApiGivesThem) {
  const auto created = [](const std::string& value) {
    const auto parser = make_list_parser(Format::json, ListParser::Times::instants);
    std::vector<ListedBounce> bounces;
    EXPECT_TRUE(parser->write(R"([{"email":"a@b","created":)" + value + "}]", bounces) && parser->finish(bounces));
    return bounces.at(0).created;
  };
  for (const char* good : {"1316210539", "1316210539.9", "1.316210539e9", "\"1316210539\"", "\"1316210539.25\"",
                           "\"2011-09-16T22:02:19Z\"", "\"2011-09-16 22:02:19.123+00:00\"",
                           "\"2011-09-17T00:02:19+0200\"", "\"2011-09-16T14:32:19-07:30\""}) {
    ASSERT_TRUE(std::holds_alternative<db::Instant>(created(good))) << good;
    EXPECT_EQ(std::get<db::Instant>(created(good)), db::Instant(std::chrono::seconds(1316210539))) << good;
  }
  for (const char* bad : {"null", "true", "0", "0.5", "-5", "1e300", "1e999", "253402300800", "\"\"", "\"nan\"",
                          "\"inf\"", "\"2011-09-16 22:02:19\"", "\"2011-09-16T22:02:19.\"", "\"2011-09-16T22:02:19+\"",
                          "\"2011-09-16T22:02:19+2\"", "\"2011-02-29T00:00:00Z\"", "\"13162105.39.5\""}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(created(bad))) << bad;
  }
}

TEST(ListParser, ReadsCreatedStrictly) {
  const auto created = [](std::string_view text) {
    return json(R"([{"email":"a@b","created":")" + std::string(text) + R"("}])").bounces.at(0).created;
  };
  for (const std::string_view good : {"2012-02-29 23:59:59", "0001-01-01 00:00:00", "9999-12-31 00:00:00"}) {
    EXPECT_EQ(std::get<LocalTime>(created(good)).text, good);
  }
  EXPECT_EQ(std::get<LocalTime>(created(" 2012-02-29  23:59:59 ")).text, "2012-02-29 23:59:59");
  for (const std::string_view bad :
       {"", "0000-00-00 00:00:00", "0000-01-01 00:00:00", "2011-02-29 00:00:00", "2011-13-01 00:00:00",
        "2011-01-01 24:00:00", "2011-01-01 00:60:00", "2011-01-01 00:00:60", "2011-01-01", "2011-1-1 0:00:00",
        "2011-01-01T00:00:00", "2011-01-01 00:00:00Z", "2011-01-01 00:00:00 and then some more text", "0", "-1",
        "1316210539", "1316210539.5", "253402300800", "-001-01-01 00:00:00"}) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(created(bad))) << bad;
  }
}

// What SendGrid's own API answered, where it is at hand.
TEST(ListParser, ReadsRealLists) {
  const std::filesystem::path folder = std::filesystem::path(BOUNCED_REAL_INPUT) / "lists";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "only the maintainers have recorded lists of the real API, in " << folder;
  std::size_t files = 0;
  std::size_t entries = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ostringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const Parsed parsed = json(text.str());
    EXPECT_TRUE(parsed.whole) << file.path() << parsed.error;
    ++files;
    entries += parsed.bounces.size();
    for (const ListedBounce& bounce : parsed.bounces) {
      EXPECT_THAT(bounce.email, StartsWith("kijitora@"));
      EXPECT_THAT(bounce.reason, StartsWith("55"));
      EXPECT_NE(bounce.reason.back(), ' ');
      EXPECT_TRUE(bounce.status.starts_with('5'));
      EXPECT_TRUE(std::holds_alternative<LocalTime>(bounce.created));
    }
  }
  EXPECT_EQ(files, 6);
  EXPECT_EQ(entries, 7);
}

}  // namespace
}  // namespace bounced::api
