// SPDX-License-Identifier: Apache-2.0
#include "classify/classifier.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "classify/built_in_rules.h"
#include "classify/matcher.h"
#include "classify/rules_file.h"

namespace bounced::classify {
namespace {

// To be raised when the same rules may find another class than before: when the way changes in which texts are read.
constexpr std::uint64_t way_of_reading = 1;

class Fingerprint {
 public:
  void add(std::string_view text) {
    for (const char byte : text) hash_.add(byte);
    hash_.add('\0');
  }
  [[nodiscard]] std::int32_t value() const {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(hash_.value ^ hash_.value >> 32));
  }

 private:
  WordHash hash_;
};

std::vector<Phrase> phrases_of(std::vector<Rule>& rules) {
  std::vector<Phrase> phrases;
  for (Rule& rule : rules) {
    for (RulePhrase& phrase : rule.phrases) phrases.push_back(std::move(phrase.phrase));
  }
  return phrases;
}

}  // namespace

// All rules, the user's first.
class Classifier::Rules {
 public:
  static Rules read(std::string_view own, const std::filesystem::path& file) {
    Lists lists;
    Vocabulary vocabulary;
    RulesFile built_in = read_rules(built_in_rules, "the built-in rules", lists, vocabulary);
    RulesFile all;
    if (!own.empty()) all = read_rules(own, file, lists, vocabulary);
    const std::size_t own_rules = all.rules.size();
    for (Rule& rule : built_in.rules) all.rules.push_back(std::move(rule));
    for (Term& term : built_in.ignored) all.ignored.push_back(std::move(term));
    vocabulary.freeze();
    Matcher matcher(phrases_of(all.rules), all.ignored, std::move(vocabulary));
    return {std::move(all.rules), own_rules, std::move(matcher), own};
  }

  [[nodiscard]] Verdict decide(std::string_view status, std::string_view reason) const {
    const Matcher::Found found = matcher_.find(status, reason);
    if (found.phrase && !phrases_[*found.phrase].weak) return phrases_[*found.phrase].verdict;
    const Verdict* by_code = code_verdict(found.codes.enhanced);
    if (by_code != nullptr && (!found.phrase || found.codes.enhanced.detail != 0)) return *by_code;
    if (found.phrase) return phrases_[*found.phrase].verdict;
    for (const Code& code : codes_) {
      if (code.pattern.holds(found.codes.reply)) return code.verdict;
    }
    return {};
  }

  [[nodiscard]] std::int32_t fingerprint() const { return fingerprint_; }
  [[nodiscard]] std::size_t size() const { return phrases_.size() + codes_.size(); }

 private:
  struct PhraseVerdict {
    Verdict verdict;
    bool weak;
  };
  struct Code {
    CodePattern pattern;
    Verdict verdict;
  };

  // Null where no rule names the code.
  [[nodiscard]] const Verdict* code_verdict(const Enhanced& enhanced) const {
    if (!enhanced.given()) return nullptr;
    const auto code =
        std::find_if(codes_.begin(), codes_.end(), [&](const Code& c) { return c.pattern.holds(enhanced); });
    return code == codes_.end() ? nullptr : &code->verdict;
  }

  Rules(std::vector<Rule> rules, std::size_t own_rules, Matcher matcher, std::string_view own)
      : rules_(std::move(rules)), matcher_(std::move(matcher)) {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      for (const RulePhrase& phrase : rule.phrases) {
        phrases_.push_back({{rule.bounce_class, rule.name, phrase.text, i < own_rules}, rule.weak});
      }
      for (const RuleCode& code : rule.codes) {
        codes_.push_back({code.pattern, {rule.bounce_class, rule.name, code.text, i < own_rules}});
      }
    }
    Fingerprint fingerprint;
    fingerprint.add(std::to_string(way_of_reading));
    fingerprint.add(built_in_rules);
    fingerprint.add(own);
    fingerprint_ = fingerprint.value();
  }

  std::vector<Rule> rules_;  // whose texts the verdicts show
  Matcher matcher_;
  std::vector<PhraseVerdict> phrases_;
  std::vector<Code> codes_;
  std::int32_t fingerprint_ = 0;
};

Classifier::Classifier() : Classifier({}, {}) {}

Classifier::Classifier(std::string_view text, const std::filesystem::path& file)
    : rules_(std::make_unique<const Rules>(Rules::read(text, file))) {}

Classifier::~Classifier() = default;

BounceClass Classifier::classify(std::string_view status, std::string_view reason) const {
  return rules_->decide(status, reason).bounce_class;
}

Classifier::Verdict Classifier::why(std::string_view status, std::string_view reason) const {
  return rules_->decide(status, reason);
}

std::int32_t Classifier::fingerprint() const {
  return rules_->fingerprint();
}

std::size_t Classifier::size() const {
  return rules_->size();
}

const std::shared_ptr<const Classifier>& built_in() {
  static const std::shared_ptr<const Classifier> classifier = std::make_shared<const Classifier>();
  return classifier;
}

}  // namespace bounced::classify
