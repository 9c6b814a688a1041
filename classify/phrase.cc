// SPDX-License-Identifier: Apache-2.0
#include "classify/phrase.h"

#include <algorithm>
#include <stdexcept>

#include "classify/reading.h"
#include "config/text.h"

namespace bounced::classify {
namespace {

// A word* of fewer letters would be found everywhere.
constexpr std::size_t least_prefix = 3;
// As many words a term may have; what remembers where terms end counts on it.
constexpr std::size_t longest_term = 32;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The words of a piece of a phrase, as strings.
struct WordList {
  std::vector<std::string> words;
  std::string word;
  bool has_code = false;

  void letter(char byte) { word += byte; }
  void end_word() { words.push_back(std::exchange(word, {})); }
  void end_token() {}
  void stop() {}
  void code(const FoundCode&) { has_code = true; }
  void address() { words.emplace_back("@"); }  // "@" is part of no word
};

class PhraseParser {
 public:
  PhraseParser(std::string_view text, const Lists& lists, Vocabulary& vocabulary)
      : text_(text), lists_(lists), vocabulary_(vocabulary) {}

  Phrase parse() {
    leading_codes();
    while (!rest().empty()) {
      if (rest().starts_with("...")) {
        end_term();
        gap_ = true;
        at_ += 3;
      } else if (rest()[0] == '(') {
        group();
      } else if (rest()[0] == '$') {
        end_term();
        Slot slot;
        add_list(slot);
        add(std::move(slot));
      } else if (rest()[0] == '<') {
        placeholder();
      } else if (rest()[0] == ')' || rest()[0] == '|') {
        throw std::invalid_argument(std::string("has a ") + rest()[0] +
                                    " without a (; alternatives are written as (this|that)");
      } else {
        append_words(take_words("(|)$<"), term_);
      }
    }
    end_term();
    check();
    return std::move(phrase_);
  }

 private:
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }

  void leading_codes() {
    while (true) {
      const std::size_t begin = text_.find_first_not_of(" -#", at_);
      if (begin == std::string_view::npos) return;
      const auto found = read_code(text_.substr(begin));
      if (!found) return;
      if (found->reply != 0) phrase_.codes.add(found->reply);
      phrase_.codes.add(found->enhanced);
      at_ = begin + found->length;
    }
  }

  std::string_view take_words(std::string_view ends) {
    const std::size_t gap = text_.find("...", at_);
    const std::size_t end = std::min({text_.find_first_of(ends, at_ + 1), gap, text_.size()});
    const std::string_view piece = text_.substr(at_, end - at_);
    at_ = end;
    return piece;
  }

  // "(a|b c|$list|)"
  void group() {
    end_term();
    ++at_;
    Slot slot;
    while (true) {
      skip_blanks();
      if (rest().starts_with("...") || rest().starts_with('(')) {
        throw std::invalid_argument("has ... or ( inside parentheses; write it as two phrases");
      }
      if (rest().starts_with('$')) {
        add_list(slot);
        skip_blanks();
      } else if (rest().starts_with('|') || rest().starts_with(')')) {
        slot.optional = true;
      } else if (!rest().empty()) {
        add_term(slot, take_words("(|)"));
      }
      if (rest().empty()) throw std::invalid_argument("has a ( without its ); alternatives are written as (this|that)");
      if (rest()[0] != '|' && rest()[0] != ')') {
        throw std::invalid_argument("has ... or ( inside parentheses; write it as two phrases");
      }
      if (text_[at_++] == ')') break;
    }
    add(std::move(slot));
  }

  void skip_blanks() { at_ = std::min(text_.find_first_not_of(' ', at_), text_.size()); }

  void add_list(Slot& slot) {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    const auto list = lists_.find(name);
    if (list == lists_.end()) {
      throw std::invalid_argument("has $" + std::string(name) + ", and there is no such list under `words`");
    }
    std::string_view items = list->second;
    while (true) {
      const std::size_t bar = std::min(items.find('|'), items.size());
      add_term(slot, items.substr(0, bar));
      if (bar == items.size()) return;
      items.remove_prefix(bar + 1);
    }
  }

  // What folded reasons have for the rest: <address> is one, and <host>, <ip> and the like are anything.
  void placeholder() {
    const std::size_t end = text_.find('>', at_);
    const std::string_view name = end == std::string_view::npos ? "" : text_.substr(at_ + 1, end - at_ - 1);
    if (name == "address") {
      term_.push_back(email_address);
      at_ = end + 1;
    } else if (!name.empty() && std::all_of(name.begin(), name.end(), is_name)) {
      end_term();
      gap_ = true;
      at_ = end + 1;
    } else {
      ++at_;
    }
  }

  void add_term(Slot& slot, std::string_view words) {
    Term term;
    append_words(words, term);
    if (term.empty()) throw std::invalid_argument("has an alternative without a word; write (this|that|) for none");
    check_length(term);
    slot.terms.push_back(std::move(term));
  }

  void append_words(std::string_view piece, Term& term) {
    while (!piece.empty()) {
      const std::size_t star = std::min(piece.find('*'), piece.size());
      WordList list;
      WordReader<WordList> reader(list);
      reader.read(piece.substr(0, star));
      if (list.has_code) {
        throw std::invalid_argument("has a code after its beginning; a phrase may only begin with one");
      }
      const bool is_prefix = star < piece.size();
      const bool word_before = star > 0 && piece[star - 1] != ' ';
      if (is_prefix && (!word_before || list.words.empty() || list.words.back().size() < least_prefix)) {
        throw std::invalid_argument("has a * that follows fewer than three letters; write it as exceed*");
      }
      for (std::size_t i = 0; i < list.words.size(); ++i) {
        const std::string& word = list.words[i];
        const bool prefix = is_prefix && i + 1 == list.words.size();
        term.push_back(word == "@" ? email_address : prefix ? vocabulary_.add_prefix(word) : vocabulary_.add(word));
      }
      piece.remove_prefix(std::min(star + 1, piece.size()));
    }
  }

  void end_term() {
    if (term_.empty()) return;
    Slot slot;
    check_length(term_);
    slot.terms.push_back(std::exchange(term_, {}));
    add(std::move(slot));
  }

  static void check_length(const Term& term) {
    if (term.size() > longest_term) {
      throw std::invalid_argument("has more than 32 words in a row; take the few that matter");
    }
  }

  void add(Slot slot) {
    slot.after_gap = std::exchange(gap_, false) && !phrase_.slots.empty();
    phrase_.slots.push_back(std::move(slot));
  }

  void check() const {
    const bool has_codes = phrase_.codes.reply != 0 || phrase_.codes.enhanced.given();
    const bool needs_words = std::any_of(phrase_.slots.begin(), phrase_.slots.end(), [](const Slot& slot) {
      return !slot.optional && slot.terms != std::vector<Term>{{email_address}};
    });
    if (!needs_words && (!has_codes || !phrase_.slots.empty())) {
      throw std::invalid_argument("is " + config::in_quotes(text_) +
                                  ", which would match too much; write words of the reason");
    }
  }

  std::string_view text_;
  const Lists& lists_;
  Vocabulary& vocabulary_;
  std::size_t at_ = 0;
  Term term_;         // of words outside parentheses
  bool gap_ = false;  // before the next slot
  Phrase phrase_;
};

}  // namespace

Phrase parse_phrase(std::string_view text, const Lists& lists, Vocabulary& vocabulary) {
  return PhraseParser(text, lists, vocabulary).parse();
}

}  // namespace bounced::classify
