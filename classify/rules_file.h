// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "classify/classifier.h"
#include "classify/codes.h"
#include "classify/phrase.h"

namespace bounced::classify {

struct RulePhrase {
  Phrase phrase;
  std::string text;  // as the file has it
};

struct RuleCode {
  CodePattern pattern;
  std::string text;
};

struct Rule {
  std::string name;
  BounceClass bounce_class = BounceClass::unclassified;
  bool weak = false;  // a precise enhanced code knows better
  std::vector<RulePhrase> phrases;
  std::vector<RuleCode> codes;
};

struct RulesFile {
  std::vector<Rule> rules;
  std::vector<Term> ignored;
};

// Reads rules; docs/why.md describes the format. Lists that the file does not define are taken from `lists`, and its
// own are added there. Throws config::Invalid with all problems.
RulesFile read_rules(std::string_view text, const std::filesystem::path& file, Lists& lists, Vocabulary& vocabulary);

}  // namespace bounced::classify
