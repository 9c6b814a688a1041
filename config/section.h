// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.h"
#include "config/report.h"
#include "config/text.h"

namespace bounced::config {

// One mapping of the file. What is asked for by its key becomes known; refuse_others() reports the rest. Every problem
// goes to the report and leaves the value as it was, so that reading goes on.
class Section {
 public:
  // An entry without a value is an empty mapping.
  Section(const Node::Entry& entry, std::string path, Report& report);

  // The path of a key in here, as "accounts[0].user".
  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] int line() const { return line_; }
  // False where there is something else than a mapping, which has been reported.
  [[nodiscard]] bool is_mapping() const { return is_mapping_; }

  // Null where the key is not given.
  const Node::Entry* find(std::string_view key);
  Section section(std::string_view key);
  // Null where the key is not given, or its value is no list, which is reported.
  const Node* list(std::string_view key);

  // Gives the text of the key, if there is one, to a function that keeps it or throws std::invalid_argument, which
  // says what is wrong and what would be right.
  template <typename Keep>
  bool read(std::string_view key, Keep keep) {
    const std::string* text = scalar(key);
    if (text == nullptr) return false;
    try {
      keep(*text);
      return true;
    } catch (const std::invalid_argument& error) {
      problem(key, error.what());
      return false;
    }
  }
  void read(std::string_view key, int& value, int least, int most);
  void read(std::string_view key, std::chrono::seconds& value, std::chrono::seconds least);
  template <typename Choice>
  void read(std::string_view key, Choice& value, std::initializer_list<std::pair<std::string_view, Choice>> choices);

  // Reports a key that must be given and is not.
  void require(std::string_view key, const std::string& remedy);
  void problem(std::string_view key, std::string message);

  enum class Show { keys, nothing };
  // Reports unknown keys and keys that are given twice. Where a secret may stand by mistake, it shows nothing of them.
  void refuse_others(Show show = Show::keys);

 private:
  const std::string* scalar(std::string_view key);

  Report& report_;
  std::string path_;
  int line_;
  bool is_mapping_;
  const Node* node_;  // null where there is no mapping
  std::vector<std::string_view> known_;
};

template <typename Choice>
void Section::read(std::string_view key, Choice& value,
                   std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  read(key, [&](const std::string& text) {
    std::vector<std::string_view> words;
    for (const auto& [word, choice] : choices) {
      if (word == text) {
        value = choice;
        return;
      }
      words.push_back(word);
    }
    throw std::invalid_argument("is " + in_quotes(text) + "; write one of " + joined(words));
  });
}

}  // namespace bounced::config
