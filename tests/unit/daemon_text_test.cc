// SPDX-License-Identifier: Apache-2.0
#include "daemon/text.h"

#include <gmock/gmock.h>

namespace bounced::daemon {
namespace {

TEST(Text, NothingForeignReachesTheTerminal) {
  EXPECT_EQ(printable("a\nb\tc\x1b[31m\x7f"), "a?b?c?[31m?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m");  // C1's CSI
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a?b");  // right-to-left override
  EXPECT_EQ(printable("\xff\xc3(\xe2\x82"),
            "?"
            "?(?");  // not UTF-8
  for (const char* hidden : {"\xc2\xad", "\xd8\x9c", "\xe1\xa0\x8e", "\xe2\x80\x8b", "\xe2\x80\xa9", "\xe2\x81\xa6",
                             "\xe3\x85\xa4", "\xef\xbb\xbf", "\xef\xbf\xb9", "\xf3\xa0\x81\x81"}) {
    EXPECT_EQ(printable(hidden), "?");
  }
  EXPECT_EQ(printable("Grüße, 世界 <b>&amp;</b>"), "Grüße, 世界 <b>&amp;</b>");
}

TEST(Text, JsonShowsNothingHiddenAndLosesNothing) {
  EXPECT_EQ(escaped_json(R"({"a":"Grüße, 世界 \n"})"), R"({"a":"Grüße, 世界 \n"})");
  EXPECT_EQ(escaped_json("\"\x7f\xc2\x9b\xe2\x80\xae\xd8\x9c\xf3\xa0\x81\x81\""),
            R"("\u007f\u009b\u202e\u061c\udb40\udc41")");
  EXPECT_EQ(escaped_json("\"\xff\xe2\x82\""), R"("\ufffd\ufffd")");
}

TEST(Text, ValuesAreQuotedWhereTheyCouldBeMistaken) {
  EXPECT_EQ(as_value("plain"), "plain");
  EXPECT_EQ(as_value(""), "\"\"");
  EXPECT_EQ(as_value("two words"), "\"two words\"");
  EXPECT_EQ(as_value("x customer=y"), "\"x customer=y\"");
  EXPECT_EQ(as_value(R"(say "\")"), R"("say \"\\\"")");
  EXPECT_EQ(as_value("line\nother"), "line?other");
}

TEST(Text, AgesHaveTheLargestUnitThatThereAreTwoOf) {
  EXPECT_EQ(age(-5), "0s");
  EXPECT_EQ(age(119), "119s");
  EXPECT_EQ(age(120), "2m");
  EXPECT_EQ(age(3 * 3600), "3h");
  EXPECT_EQ(age(47 * 3600), "47h");
  EXPECT_EQ(age(72 * 3600), "3d");
}

TEST(Text, NumbersAreGrouped) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(counted(1, "row"), "1 row");
  EXPECT_EQ(counted(0, "row"), "0 rows");
}

TEST(Text, ShortenedTextIsCutBetweenCharacters) {
  EXPECT_EQ(shortened("12345", 5), "12345");
  EXPECT_EQ(shortened("123456", 5), "1234…");
  EXPECT_EQ(shortened("üüüüüü", 5), "üüüü…");
}

TEST(Text, LongTextIsWrappedAtBlanks) {
  EXPECT_EQ(wrapped("one two three", 20, 2), "  one two three\n");
  EXPECT_EQ(wrapped("one two three four", 12, 2), "  one two\n  three four\n");
  EXPECT_EQ(wrapped("üüüüüüüüüüüü", 8, 2), "  üüüüüü\n  üüüüüü\n");
  EXPECT_EQ(wrapped("ends here  ", 11, 2), "  ends here\n");
  EXPECT_EQ(wrapped("", 11, 2), "");
}

TEST(Text, TablesAreAlignedByCharactersAndFit) {
  EXPECT_EQ(table({{"A", "B"}, {"ü1", "x"}, {"123", "y"}}), "A    B\nü1   x\n123  y\n");
  EXPECT_EQ(table({{"A", std::string(200, 'x')}}, 40), "A  " + std::string(36, 'x') + "…\n");
}

}  // namespace
}  // namespace bounced::daemon
