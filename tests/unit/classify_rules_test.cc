// SPDX-License-Identifier: Apache-2.0
// How the class is found, and the user's own rules.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "classify/classifier.h"
#include "config/load.h"

namespace bounced::classify {
namespace {

using enum BounceClass;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view file = "rules.yaml";

const Classifier& built_in() {
  static const Classifier instance;
  return instance;
}

// One rule of content with these phrases, a line each.
std::string own_rule(std::string_view phrases) {
  return fmt::format("rules:\n  - name: ours\n    class: Content\n    phrases:\n      - {}\n", phrases);
}

BounceClass with_phrase(std::string_view phrase, std::string_view reason, std::string_view status = "") {
  return Classifier(own_rule(phrase), file).classify(status, reason);
}

TEST(Rules, NameAndExplainEveryClass) {
  std::set<std::string_view> names;
  std::set<std::string_view> explanations;
  for (const BounceClass bounce_class : all_classes) {
    names.insert(name_of(bounce_class));
    explanations.insert(explain(bounce_class));
    EXPECT_THAT(explain(bounce_class), testing::EndsWith("."));
  }
  EXPECT_EQ(names.size(), 7);
  EXPECT_EQ(explanations.size(), 7);
  EXPECT_EQ(name_of(BounceClass{99}), "Unclassified");
}

TEST(Rules, TakeTheEnhancedCodeWhereNoPhraseOccurs) {
  for (const auto& [status, reason, expected] :
       std::initializer_list<std::tuple<const char*, const char*, BounceClass>>{
           {"5.1.1", "", invalid_address},
           {"5.0.0", "550 5.1.1 x", invalid_address},
           {"5.1.1", "550 5.2.2 x", mailbox_unavailable},  // the reason's before the status
           {"5.2.2", "550 5.0.0 x", mailbox_unavailable},
           {"", "550-5.7.1 x\n550 5.7.1 y", reputation},
           {"", "x (#5.6.0)", content},
           {"", "5.1.0 - 550-'5.7.1 x'", reputation},  // the more precise one
           {"4.4.7", "", technical_failure},
           {"4.7.28", "", frequency_or_volume},
           {"5.0.0", "", unclassified},
           {"5.9.9", "", unclassified},
           {"", "550 5.1.1.2 x", unclassified},  // an IP address
           {"", "version 5.1.1a", unclassified},
           {"", "version 15.1.1", unclassified}}) {
    EXPECT_EQ(name_of(built_in().classify(status, reason)), name_of(expected)) << status << ' ' << reason;
  }
}

TEST(Rules, TakeTheReplyCodeLast) {
  EXPECT_EQ(built_in().classify("", "552 x"), mailbox_unavailable);
  EXPECT_EQ(built_in().classify("552", "x"), mailbox_unavailable);
  EXPECT_EQ(built_in().classify("5.0.0", "421 x"), technical_failure);
  EXPECT_EQ(built_in().classify("550", ""), unclassified);
  EXPECT_EQ(built_in().classify("", "5521 x"), unclassified);
}

TEST(Rules, SayWhatDecided) {
  const auto phrase = built_in().why("", "550 5.2.2 <a@example.com>... User Unknown");
  EXPECT_EQ(phrase.bounce_class, invalid_address);
  EXPECT_EQ(phrase.rule, "no-such-user");
  EXPECT_FALSE(phrase.own);
  const auto code = built_in().why("4.4.7", "");
  EXPECT_EQ(code.rule, "code-system");
  EXPECT_EQ(code.phrase, "x.4.*");
  EXPECT_THAT(built_in().why("", "x").rule, IsEmpty());
}

TEST(Phrases, AreRowsOfWordsWhateverStandsBetween) {
  for (const char* reason :
       {"Purple elephant", "550 the purple-elephant!", "PURPLE (elephant)", "pürple élephant",
        "purple\r\n550-5.1.1 elephant", "pur'ple elephant", "x@purple.elephant.y purple elephant"}) {
    EXPECT_EQ(with_phrase("purple elephant", reason), content) << reason;
  }
  for (const char* reason : {"purple elephants", "purple big elephant", "elephant purple", "purple. Elephant",
                             "purple.elephant@example.com", "purpleelephant"}) {
    EXPECT_EQ(with_phrase("purple elephant", reason), unclassified) << reason;
  }
}

TEST(Phrases, HaveGapsWithinASentence) {
  EXPECT_EQ(with_phrase("purple ... elephant", "purple elephant"), content);
  EXPECT_EQ(with_phrase("purple ... elephant", "purple a, b: c@d.e elephant"), content);
  EXPECT_EQ(with_phrase("purple ... elephant", "purple a. The elephant"), unclassified);
  EXPECT_EQ(with_phrase("purple ... elephant", "purple a... the elephant"), content);
  EXPECT_EQ(with_phrase("purple ... elephant", "elephant. Purple"), unclassified);
  EXPECT_EQ(with_phrase("purple ... elephant ... zebra", "purple x elephant y zebra"), content);
  std::string far = "purple";
  for (int i = 0; i < 300; ++i) far += " x";
  EXPECT_EQ(with_phrase("purple ... elephant", far + " elephant"), content);
}

TEST(Phrases, HaveAlternativesAndPrefixes) {
  for (const char* reason : {"purple elephant", "very purple elephant", "dark green elephant", "purple elephantine"}) {
    EXPECT_EQ(with_phrase("(very|) (purple|dark green) eleph*", reason), content) << reason;
  }
  EXPECT_EQ(with_phrase("(very|) (purple|dark green) eleph*", "dark elephant"), unclassified);
  EXPECT_EQ(with_phrase("purple (very|) elephant", "purple very elephant"), content);
  EXPECT_EQ(with_phrase("purple (very|) elephant", "purple elephant"), content);
  EXPECT_EQ(with_phrase("purple (very|) elephant", "purple so elephant"), unclassified);
  EXPECT_EQ(with_phrase("eleph* elephant*", "elephantine elephants"), content);
}

TEST(Phrases, KnowAddressesAndWhatFoldedReasonsHaveForThem) {
  EXPECT_EQ(with_phrase("purple <address> elephant", "purple <a.b@example.com> elephant"), content);
  EXPECT_EQ(with_phrase("purple <address> elephant", "purple x elephant"), unclassified);
  EXPECT_EQ(with_phrase("550 <address>, purple at <host>[<ip>]", "550 <a@b.c>, purple at mx.example.com[192.0.2.1]"),
            content);
}

TEST(Phrases, MayBeginWithCodes) {
  EXPECT_EQ(with_phrase("550 5.1.1 purple", "550 5.1.1 purple"), content);
  EXPECT_EQ(with_phrase("550 5.1.1 purple", "550 5.1.2 purple"), invalid_address);
  EXPECT_EQ(with_phrase("5.1.1 purple", "very purple", "5.1.1"), content);
  EXPECT_EQ(with_phrase("5.1.1", "user unknown", "5.1.1"), content);
  EXPECT_EQ(with_phrase("5.1.1", "user unknown", "5.1.2"), invalid_address);
}

TEST(OwnRules, ComeBeforeTheBuiltInOnes) {
  EXPECT_EQ(with_phrase("user unknown", "550 user unknown"), content);
  EXPECT_EQ(Classifier(own_rule("user unknown"), file).why("", "550 user unknown").rule, "ours");
  EXPECT_TRUE(Classifier(own_rule("user unknown"), file).why("", "550 user unknown").own);
  EXPECT_EQ(with_phrase("purple", "550 user unknown"), invalid_address);
  const Classifier codes("rules: [{class: Content, codes: [550, 5.2.1-2]}]", file);
  EXPECT_EQ(codes.classify("", "550 hello"), content);
  EXPECT_EQ(codes.classify("", "550 user unknown"), invalid_address);  // phrases come before codes
  EXPECT_EQ(codes.classify("5.2.2", ""), content);
  EXPECT_EQ(codes.why("", "550 hello").rule, "rules[0]");
  EXPECT_EQ(with_phrase("$who ... purple", "550 user is purple"), content);  // a list of the built-in rules
}

TEST(OwnRules, MayBeAnEmptyFile) {
  const Classifier none("", file);
  EXPECT_EQ(none.fingerprint(), built_in().fingerprint());
  EXPECT_EQ(Classifier("rules: []", file).classify("", "user unknown"), invalid_address);
}

TEST(OwnRules, ChangeTheFingerprint) {
  const Classifier one(own_rule("purple"), file);
  const Classifier same(own_rule("purple"), "another/path.yaml");
  const Classifier other(own_rule("green"), file);
  EXPECT_EQ(one.fingerprint(), same.fingerprint());
  EXPECT_NE(one.fingerprint(), other.fingerprint());
  EXPECT_NE(one.fingerprint(), built_in().fingerprint());
  EXPECT_EQ(one.size(), built_in().size() + 1);
}

// The page for users shows an example, which must be one.
TEST(OwnRules, AreAsTheirPageShows) {
  std::ostringstream page;
  page << std::ifstream(BOUNCED_WHY).rdbuf();
  const std::string text = page.str();
  const std::size_t begin = text.find("```yaml\n") + 8;
  const std::string example = text.substr(begin, text.find("```", begin) - begin);
  const Classifier classifier(example, file);
  EXPECT_EQ(classifier.why("", "554 Message refused by ACME filter 7: looks like an advertisement").bounce_class,
            content);
  EXPECT_EQ(classifier.why("", "550 5.2.1 <a@example.com>: employee has left").bounce_class, invalid_address);
  EXPECT_TRUE(classifier.why("5.7.190", "").own);
}

struct Wrong {
  std::string yaml;
  int line;
  std::string key;
  std::string piece;  // of the message
};

void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.yaml;
}

class WrongRules : public testing::TestWithParam<Wrong> {};

std::vector<config::Problem> problems_of(std::string_view yaml) {
  try {
    const Classifier accepted(yaml, file);
  } catch (const config::Invalid& invalid) {
    return invalid.problems();
  }
  ADD_FAILURE() << "the rules were accepted";
  return {};
}

TEST_P(WrongRules, AreToldWithLineAndRemedy) {
  const Wrong& wrong = GetParam();
  EXPECT_THAT(problems_of(wrong.yaml),
              ElementsAre(testing::AllOf(
                  Field(&config::Problem::file, std::string(file)), Field(&config::Problem::line, wrong.line),
                  Field(&config::Problem::key, wrong.key), Field(&config::Problem::message, HasSubstr(wrong.piece)))));
}

Wrong phrase(const std::string& text, const std::string& piece) {
  return {own_rule(text), 5, "rules[0].phrases[0]", piece};
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongRules,
    testing::Values(
        Wrong{"rules: x", 1, "rules", "must be a list"}, Wrong{"[]", 0, "", "must be a mapping"},
        Wrong{"rules: []\nrule: []", 2, "rule", "did you mean rules?"}, Wrong{"words: {}", 0, "rules", "is missing"},
        Wrong{"rules: [x: {", 1, "", "end of"}, Wrong{"rules: []\n---\n", 2, "", "second YAML document"},
        Wrong{"rules: []\n# \xFF", 2, "", "UTF-8"},
        Wrong{"rules:\n  - class: Spam\n    codes: [550]", 2, "rules[0].class",
              "is \"Spam\"; write one of Unclassified, Invalid"},
        Wrong{"rules:\n  - codes: [550]", 2, "rules[0].class", "is missing; write one of SendGrid's seven"},
        Wrong{"rules:\n  - class: Content", 2, "rules[0].phrases", "is missing; write some, or codes"},
        Wrong{"rules:\n  - class: Content\n    codes: [550]\n    phrase: x", 4, "rules[0].phrase",
              "did you mean phrases?"},
        Wrong{"rules:\n  - class: Content\n    codes: [600]", 3, "rules[0].codes[0]",
              "is \"600\"; write an enhanced code"},
        Wrong{"rules:\n  - class: Content\n    codes:\n      - 5.1.1\n      - 5.8.1", 5, "rules[0].codes[1]", "5.8.1"},
        Wrong{"rules:\n  - class: Content\n    codes: [5.1.9-3]", 3, "rules[0].codes[0]", "5.1.9-3"},
        Wrong{"rules:\n  - class: Content\n    codes: [550, [551]]", 3, "rules[0].codes[1]", "must be a single text"},
        Wrong{"words:\n  many: (a|b)\nrules: []", 2, "words.many", "must be words alone"},
        Wrong{"words: [a]\nrules: []", 1, "words", "must be a mapping"},
        Wrong{"ignore: [a ... b]\nrules: []", 1, "ignore[0]", "must be words alone"}, phrase("(a|b", "without its )"),
        phrase("a)b", "has a ) without a ("), phrase("purple | elephant", "has a | without a ("),
        phrase("((a|b) c|d)", "inside parentheses"), phrase("(purple ... x|d)", "inside parentheses"),
        phrase("$nothing purple", "has $nothing, and there is no such list"),
        phrase("el* phant", "fewer than three letters"), phrase("purple *", "fewer than three letters"),
        phrase("purple 550", "may only begin with one"), phrase("(purple|)", "would match too much"),
        phrase("...", "would match too much"), phrase("'  '", "would match too much"),
        phrase("<address>", "would match too much"), phrase("550 <address>", "would match too much"),
        phrase("(purple|!)", "an alternative without a word"), phrase("{a: b}", "must be a single text")));

TEST(WrongRules, AreToldAllAtOnce) {
  EXPECT_EQ(problems_of("rules:\n  - class: X\n    codes: [1, 2]\n  - phrases: [\"(\"]\n    x: y\n").size(), 6);
}

TEST(Classifier, ServesSeveralThreads) {
  const Classifier own(own_rule("purple"), file);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&own] {
      for (int round = 0; round < 200; ++round) {
        EXPECT_EQ(own.classify("", "550 user unknown"), invalid_address);
        EXPECT_EQ(built_in().classify("", "550 purple mailbox full"), mailbox_unavailable);
        EXPECT_EQ(own.classify("", "550 purple mailbox full"), content);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace bounced::classify
