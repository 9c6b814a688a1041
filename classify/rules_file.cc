// SPDX-License-Identifier: Apache-2.0
#include "classify/rules_file.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "config/document.h"
#include "config/report.h"
#include "config/section.h"
#include "config/text.h"

namespace bounced::classify {
namespace {

using config::Node;
using config::Report;
using config::Section;

// Without a document there is nothing else to report.
config::Document parse(std::string_view text, Report& report) {
  try {
    if (const auto fault = config::find_fault(text)) throw config::SyntaxError(fault->line, fault->message);
    return config::Document(std::string(text));
  } catch (const config::SyntaxError& error) {
    report.add(error.line(), "", error.what());
  }
  report.raise();
}

class Reader {
 public:
  Reader(Report& report, Lists& lists, Vocabulary& vocabulary)
      : report_(report), lists_(lists), vocabulary_(vocabulary) {}

  RulesFile read(const Node& root) {
    Section section({"", 0, &root}, "", report_);
    read_lists(section);
    for_each(section, "ignore", [&](const Node::Entry& item, const std::string& path) { read_ignored(item, path); });
    section.require("rules", "write the rules as a list: lines of - class: CLASS, each with its phrases or codes");
    for_each(section, "rules", [&](const Node::Entry& item, const std::string& path) { read_rule(item, path); });
    section.refuse_others();
    return std::move(file_);
  }

 private:
  template <typename Read>
  void for_each(Section& section, std::string_view key, Read read) {
    const Node* list = section.list(key);
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->entries.size(); ++i) {
      read(list->entries[i], section.path_of(key) + '[' + std::to_string(i) + ']');
    }
  }

  // Calls a function with the text of an item that must be one, and reports what it throws.
  template <typename Use>
  void use_text(const Node::Entry& item, const std::string& path, Use use) {
    if (item.value->kind != Node::Kind::scalar) {
      report_.add(item.line, path, "must be a single text; put it in quotes if it has a colon or begins with * or [");
      return;
    }
    try {
      use(item.value->text);
    } catch (const std::invalid_argument& error) {
      report_.add(item.line, path, error.what());
    }
  }

  void read_lists(Section& root) {
    const Node::Entry* words = root.find("words");
    if (words == nullptr) return;
    if (words->value->kind != Node::Kind::mapping) {
      root.problem("words", "must be a mapping: lines of NAME: this|that, indented");
      return;
    }
    for (const Node::Entry& list : words->value->entries) {
      use_text(list, root.path_of("words") + '.' + list.key, [&](const std::string& text) {
        if (text.find_first_of("()$<") != std::string::npos || text.find("...") != std::string::npos) {
          throw std::invalid_argument("must be words alone; write this|that|two words");
        }
        lists_.insert_or_assign(list.key, text);
        parse_phrase('$' + list.key, lists_, vocabulary_);
      });
    }
  }

  void read_ignored(const Node::Entry& item, const std::string& path) {
    use_text(item, path, [&](const std::string& text) {
      const Phrase phrase = parse_phrase(text, {}, vocabulary_);
      if (phrase.slots.size() != 1 || phrase.slots[0].terms.size() != 1) {
        throw std::invalid_argument("must be words alone; nothing else is cut out");
      }
      file_.ignored.push_back(phrase.slots[0].terms[0]);
    });
  }

  void read_rule(const Node::Entry& item, const std::string& path) {
    Section section(item, path, report_);
    Rule rule;
    rule.name = path;
    section.read("name", [&](const std::string& name) {
      config::check_value(name);
      rule.name = name;
    });
    section.require("class", "write one of SendGrid's seven, as Mailbox Unavailable");
    section.read("class", rule.bounce_class,
                 {{"Unclassified", BounceClass::unclassified},
                  {"Invalid Address", BounceClass::invalid_address},
                  {"Mailbox Unavailable", BounceClass::mailbox_unavailable},
                  {"Technical Failure", BounceClass::technical_failure},
                  {"Content", BounceClass::content},
                  {"Reputation", BounceClass::reputation},
                  {"Frequency or Volume", BounceClass::frequency_or_volume}});
    section.read("because", [](const std::string&) {});
    section.read("weak", rule.weak, {{"true", true}, {"false", false}});
    const bool has_any = section.find("phrases") != nullptr || section.find("codes") != nullptr;
    if (section.is_mapping() && !has_any) section.require("phrases", "write some, or codes");
    for_each(section, "phrases", [&](const Node::Entry& phrase, const std::string& at) {
      use_text(phrase, at, [&](const std::string& text) {
        rule.phrases.push_back({parse_phrase(text, lists_, vocabulary_), text});
      });
    });
    for_each(section, "codes", [&](const Node::Entry& code, const std::string& at) {
      use_text(code, at, [&](const std::string& text) { rule.codes.push_back({parse_code_pattern(text), text}); });
    });
    section.refuse_others();
    file_.rules.push_back(std::move(rule));
  }

  Report& report_;
  Lists& lists_;
  Vocabulary& vocabulary_;
  RulesFile file_;
};

}  // namespace

RulesFile read_rules(std::string_view text, const std::filesystem::path& file, Lists& lists, Vocabulary& vocabulary) {
  Report report(file);
  const config::Document document = parse(text, report);
  if (document.second_document_line() > 0) {
    report.add(document.second_document_line(), "", "a second YAML document begins here; write everything in one");
  }
  RulesFile result = Reader(report, lists, vocabulary).read(document.root());
  if (!report.empty()) report.raise();
  return result;
}

}  // namespace bounced::classify
