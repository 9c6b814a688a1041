// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <random>

#include "classify/classifier.h"
#include "classify/letters.h"

namespace bounced::classify {
namespace {

void expect_storable(const std::string& folded) {
  EXPECT_LE(folded.size(), longest_folded_reason);
  for (std::string_view rest = folded; !rest.empty();) {
    const Letter letter = read_letter(rest);
    EXPECT_TRUE(letter.valid) << folded;
    EXPECT_GE(letter.code, 0x20U) << folded;
    rest.remove_prefix(letter.length);
  }
}

TEST(FoldReason, LeavesOutWhatDiffers) {
  const std::pair<const char*, const char*> folded[] = {
      {"550 5.1.1 <a.b+c@example.com>... User unknown", "550 5.1.1 <address>... User unknown"},
      {"550 5.1.1 a@example.com  is\n unknown ", "550 5.1.1 <address> is unknown"},
      {"host mx1.example.com[192.0.2.1] said: 550 no", "host <host>[<ip>] said: 550 no"},
      {"connect to mx.example.com:25 and [2001:db8::1]:25", "connect to <host> and [<ip>]:<number>"},
      {"blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1",
       "blocked using zen.spamhaus.org; <url>"},
      {"550-5.1.1 The account does not\r\n550-5.1.1 exist. See\r\n550 5.1.1 https://e.com/?p=1 a1b2c3d4e5.23 - gsmtp",
       "550 5.1.1 The account does not exist. See <url> <id> - gsmtp"},
      {"550 RESOLVER.ADR.RecipNotFound; not found", "550 RESOLVER.ADR.RecipNotFound; not found"},
      {"try again in 287 seconds", "try again in <number> seconds"},
      {"Sat, 29 Mar 2025 23:52:22 +0900 late", "<time> late"},
      {"at 2024-06-24T08:58:06.389Z and 6/19/2018 7:26:11", "at <time> and <time>"},
      {"OFR_416 [416] S3150 (AS16012609)", "OFR_416 [416] S3150 (<id>)"},
      {"id=00000-22-225 d41d8cd98f00b204e9800998ecf8427e", "id=<id>"},
      {"cannot append to /var/spool/mail/joe", "cannot append to <id>"},
      {"Empf\xE4nger \xC3\xBC \xFF", "Empfänger ü ÿ"},
      {"   ", ""}};
  for (const auto& [reason, expected] : folded) EXPECT_EQ(fold_reason(reason), expected) << reason;
}

TEST(FoldReason, KeepsItsLimitAtWordsAndLetters) {
  std::string words;
  std::string letters;
  for (int i = 0; i < 200; ++i) words += "abcd ";
  for (int i = 0; i < 200; ++i) letters += "宛";
  EXPECT_EQ(fold_reason(words).size(), 299);
  EXPECT_EQ(fold_reason(letters).size(), 300);
  EXPECT_EQ(fold_reason(std::string(299, 'a')), std::string(299, 'a'));
  EXPECT_EQ(fold_reason("x " + std::string(400, 'a')), "x");
}

// Pieces of real reasons and any bytes, in any order.
std::string random_text(std::mt19937& random) {
  constexpr std::string_view pieces[] = {"550",       "-",
                                         "5.1.1",     " ",
                                         "a@b.c",     "<",
                                         ">",         "mx.example.com",
                                         "192.0.2.1", "http://a/b?c",
                                         "1234",      "12:30",
                                         "Mar",       "Sat,",
                                         "\xC3",      "\xC3\xA4",
                                         "宛先",      "...",
                                         "<address>", "<number>",
                                         "<time",     "id=",
                                         "=?",        "utf-8?B?",
                                         "YWJj?=",    "\x1B$B$O(B",
                                         "$B",        "user",
                                         "unknown",   "mailbox full",
                                         "/a/b",      "+1",
                                         ". ",        "'",
                                         "\"",        "\n",
                                         "abcdef12",  "spamhaus.org",
                                         "(",         ")"};
  std::string text;
  for (auto count = random() % 30; count > 0; --count) {
    if (random() % 4 == 0) {
      text += static_cast<char>(random() % 256);
    } else {
      text += pieces[random() % std::size(pieces)];
    }
  }
  return text;
}

TEST(FoldReason, OfAnythingIsStorableAndFoldsToItself) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random);
    const std::string folded = fold_reason(text);
    expect_storable(folded);
    ASSERT_EQ(fold_reason(folded), folded) << testing::PrintToString(text);
  }
}

TEST(Classifier, TakesAnyBytes) {
  const Classifier classifier;
  std::mt19937 random(8);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random);
    const auto verdict = classifier.why(random_text(random), text);
    EXPECT_EQ(classifier.why(text, text).bounce_class, classifier.classify(text, text));
    EXPECT_TRUE(verdict.rule.empty() == (verdict.bounce_class == BounceClass::unclassified));
  }
  std::string long_text(100'000, '\xE3');
  EXPECT_EQ(classifier.classify("", long_text), BounceClass::unclassified);
  EXPECT_EQ(classifier.classify("", "user unknown " + long_text), BounceClass::invalid_address);
}

}  // namespace
}  // namespace bounced::classify
