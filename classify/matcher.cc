// SPDX-License-Identifier: Apache-2.0
#include "classify/matcher.h"

#include <algorithm>
#include <limits>

#include "classify/decode.h"
#include "classify/reading.h"

namespace bounced::classify {
namespace {

// The words of a text, as the vocabulary knows them.
class SymbolList {
 public:
  SymbolList(const Vocabulary& vocabulary, std::vector<Word>& words) : vocabulary_(vocabulary), words_(words) {}

  void letter(char byte) {
    hash_.add(byte);
    if (const Symbol prefix = vocabulary_.find_prefix(hash_); prefix != unknown_word) prefix_ = prefix;
  }
  void end_word() {
    words_.push_back({vocabulary_.find(hash_), prefix_});
    hash_ = {};
    prefix_ = unknown_word;
  }
  void end_token() { token_begin_ = words_.size(); }
  void stop() { words_.push_back({end_of_sentence, unknown_word}); }
  void code(const FoundCode& found) {
    if (found.reply != 0) codes_.add(found.reply);
    codes_.add(found.enhanced);
  }
  void address() {
    words_.resize(token_begin_);
    words_.push_back({email_address, unknown_word});
  }

  [[nodiscard]] const Codes& codes() const { return codes_; }

 private:
  const Vocabulary& vocabulary_;
  std::vector<Word>& words_;
  WordHash hash_;
  Symbol prefix_ = unknown_word;
  std::size_t token_begin_ = 0;
  Codes codes_;
};

}  // namespace

std::uint32_t TermTree::add(const Term& term) {
  std::uint32_t node = root;
  for (const Symbol symbol : term) {
    std::uint32_t next = child(node, symbol);
    if (next == root) {
      next = static_cast<std::uint32_t>(has_children_.size());
      has_children_[node] = true;
      has_children_.push_back(false);
      if (node == root) {
        if (symbol >= from_root_.size()) from_root_.resize(symbol + 1, root);
        from_root_[symbol] = next;
      } else {
        children_.emplace(key(node, symbol), next);
      }
    }
    node = next;
  }
  return node;
}

Matcher::Matcher(const std::vector<Phrase>& phrases, const std::vector<Term>& ignored, Vocabulary vocabulary)
    : vocabulary_(std::move(vocabulary)) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ends;  // of terms: node and slot
  for (const Phrase& phrase : phrases) {
    if (phrase.slots.empty()) codes_only_.push_back(codes_.size());
    add_phrase(static_cast<std::uint32_t>(codes_.size()), phrase, ends);
    codes_.push_back(phrase.codes);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  slots_at_.resize(terms_.size());
  for (const auto& [node, slot] : ends) {
    Range& range = slots_at_[node];
    if (range.begin == range.end) range.begin = static_cast<std::uint32_t>(by_node_.size());
    by_node_.push_back(slot);
    range.end = static_cast<std::uint32_t>(by_node_.size());
  }
  for (const Term& term : ignored) {
    const std::uint32_t node = ignored_.add(term);
    ignored_ends_.resize(ignored_.size());
    ignored_ends_[node] = true;
  }
}

void Matcher::add_phrase(std::uint32_t index, const Phrase& phrase,
                         std::vector<std::pair<std::uint32_t, std::uint32_t>>& ends) {
  const auto first = static_cast<std::uint32_t>(slots_.size());
  for (std::size_t at = 0; at < phrase.slots.size(); ++at) {
    const Slot& slot = phrase.slots[at];
    SlotData data;
    data.phrase = index;
    data.first_before = static_cast<std::uint32_t>(befores_.size());
    // Optional slots in front of it may be left out.
    bool gap = slot.after_gap;
    data.begins = true;
    for (std::size_t before = at; before-- > 0;) {
      befores_.push_back({first + static_cast<std::uint32_t>(before), gap});
      slots_[first + before].remembered = true;
      gap = gap || phrase.slots[before].after_gap;
      if (!phrase.slots[before].optional) {
        data.begins = false;
        break;
      }
    }
    data.end_before = static_cast<std::uint32_t>(befores_.size());
    data.accepts = std::all_of(phrase.slots.begin() + static_cast<std::ptrdiff_t>(at) + 1, phrase.slots.end(),
                               [](const Slot& later) { return later.optional; });
    const auto number = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(data);
    for (const Term& term : slot.terms) ends.emplace_back(terms_.add(term), number);
  }
}

bool Matcher::has_codes(std::size_t phrase, const Codes& codes) const {
  const Codes& wanted = codes_[phrase];
  return (wanted.reply == 0 || wanted.reply == codes.reply) &&
         (!wanted.enhanced.given() || wanted.enhanced == codes.enhanced);
}

// What each thread needs to find phrases, kept from text to text.
struct Matcher::Scratch {
  // Where terms of a slot have ended, in the text of that number.
  struct Ends {
    std::uint64_t text = 0;
    std::uint64_t recent = 0;  // bit n: at the word `base` + n
    std::size_t base = 0;
    std::size_t first = 0;  // the first end in the sentence
    std::size_t sentence = 0;
  };
  std::vector<Word> words;
  std::vector<Ends> ends;  // by slot
  std::uint64_t text = 0;
  std::string decoded;
};

// One text being looked through.
class Matcher::Walk {
 public:
  Walk(const Matcher& matcher, const Codes& codes, Scratch& scratch)
      : matcher_(matcher), codes_(codes), words_(scratch.words), ends_(scratch.ends), text_(++scratch.text) {
    if (ends_.size() < matcher.slots_.size()) ends_.resize(matcher.slots_.size());
  }

  std::size_t first_phrase() {
    for (const std::size_t phrase : matcher_.codes_only_) {
      if (matcher_.has_codes(phrase, codes_)) best_ = std::min(best_, phrase);
    }
    for (begin_ = 0; begin_ < words_.size(); ++begin_) {
      if (words_[begin_].exact == end_of_sentence) {
        ++sentence_;
      } else {
        down(TermTree::root, begin_);
      }
    }
    return best_;
  }

 private:
  // Every term that begins at begin_ and goes on at `at`.
  void down(std::uint32_t node, std::size_t at) {
    if (at == words_.size()) return;
    if (words_[at].exact != unknown_word) ended(matcher_.terms_.child(node, words_[at].exact), at + 1);
    for (Symbol prefix = words_[at].prefix; prefix != unknown_word; prefix = matcher_.vocabulary_.shorter(prefix)) {
      ended(matcher_.terms_.child(node, prefix), at + 1);
    }
  }

  void ended(std::uint32_t node, std::size_t end) {
    if (node == TermTree::root) return;
    const Range slots = matcher_.slots_at_[node];
    for (std::uint32_t at = slots.begin; at != slots.end; ++at) {
      const std::uint32_t slot = matcher_.by_node_[at];
      const SlotData& data = matcher_.slots_[slot];
      if (data.phrase >= best_) break;  // they are sorted
      if (may_begin(data)) found(slot, data, end);
    }
    down(node, end);
  }

  [[nodiscard]] bool may_begin(const SlotData& data) const {
    if (data.begins) return true;
    for (std::uint32_t at = data.first_before; at != data.end_before; ++at) {
      const Before& before = matcher_.befores_[at];
      const Scratch::Ends& ends = ends_[before.slot];
      if (ends.text != text_) continue;
      if (before.gap && ends.sentence == sentence_ && ends.first <= begin_) return true;
      if (begin_ - ends.base < 64 && (ends.recent >> (begin_ - ends.base) & 1) != 0) return true;
    }
    return false;
  }

  void found(std::uint32_t slot, const SlotData& data, std::size_t end) {
    if (data.accepts && matcher_.has_codes(data.phrase, codes_)) best_ = data.phrase;
    if (!data.remembered) return;
    Scratch::Ends& ends = ends_[slot];
    if (ends.text != text_) ends = {text_, 0, begin_, end, sentence_};
    if (ends.sentence != sentence_ || end < ends.first) {
      ends.sentence = sentence_;
      ends.first = end;
    }
    // A term has at most 32 words, so that its end is within the 64 bits.
    const std::size_t passed = begin_ - ends.base;
    ends.recent = passed < 64 ? ends.recent >> passed : 0;
    ends.base = begin_;
    ends.recent |= std::uint64_t{1} << (end - begin_);
  }

  const Matcher& matcher_;
  const Codes& codes_;
  const std::vector<Word>& words_;
  std::vector<Scratch::Ends>& ends_;
  const std::uint64_t text_;
  std::size_t begin_ = 0;
  std::size_t sentence_ = 0;
  std::size_t best_ = std::numeric_limits<std::size_t>::max();
};

// Makes words unknown that are wrapped around the reply.
void Matcher::ignore(std::vector<Word>& words) const {
  for (std::size_t begin = 0; begin < words.size(); ++begin) {
    std::uint32_t node = TermTree::root;
    for (std::size_t at = begin; at < words.size(); ++at) {
      node = ignored_.child(node, words[at].exact);
      if (node == TermTree::root) break;
      if (ignored_ends_[node])
        std::fill(words.begin() + static_cast<std::ptrdiff_t>(begin),
                  words.begin() + static_cast<std::ptrdiff_t>(at) + 1, Word{});
    }
  }
}

Matcher::Found Matcher::find(std::string_view status, std::string_view text) const {
  thread_local Scratch scratch;
  scratch.words.clear();
  SymbolList list(vocabulary_, scratch.words);
  WordReader<SymbolList> reader(list);
  reader.read(decode(text.substr(0, most_bytes_read), scratch.decoded));
  ignore(scratch.words);
  Found result{list.codes(), std::nullopt};
  const Codes more = read_status(status);
  if (result.codes.reply == 0) result.codes.reply = more.reply;
  if (!result.codes.enhanced.given()) result.codes.enhanced = more.enhanced;
  const std::size_t best = Walk(*this, result.codes, scratch).first_phrase();
  if (best != std::numeric_limits<std::size_t>::max()) result.phrase = best;
  return result;
}

}  // namespace bounced::classify
