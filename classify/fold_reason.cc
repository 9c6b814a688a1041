// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "classify/atom.h"
#include "classify/classifier.h"
#include "classify/codes.h"
#include "classify/letters.h"
#include "classify/reading.h"

namespace bounced::classify {
namespace {

constexpr std::array<std::string_view, 19> names_in_dates = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
                                                             "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue",
                                                             "Wed", "Thu", "Fri", "Sat", "Sun"};

enum class ByteKind : std::uint8_t { part, blank, separator, edge };

// What stands between atoms are blanks and separators; edges are left off their ends. All else, letters beyond ASCII
// too, is part of one.
constexpr std::array<ByteKind, 256> byte_kinds = [] {
  std::array<ByteKind, 256> kinds{};
  for (std::size_t c = 0; c <= ' '; ++c) kinds[c] = ByteKind::blank;
  for (const char c : std::string_view("<>()[]{}\"',;|")) kinds[static_cast<unsigned char>(c)] = ByteKind::separator;
  for (const char c : std::string_view(".:!?#-+*=_/%&~\\`")) kinds[static_cast<unsigned char>(c)] = ByteKind::edge;
  kinds[0x7F] = ByteKind::blank;
  return kinds;
}();

ByteKind kind_of(char byte) {
  return byte_kinds[static_cast<unsigned char>(byte)];
}

class Folder {
 public:
  explicit Folder(std::string_view reason) : rest_(reason.substr(0, most_bytes_read)) {
    result_.reserve(std::min(rest_.size() + 16, longest_folded_reason));
  }

  std::string fold() {
    while (!rest_.empty() && !full_) {
      const ByteKind kind = kind_of(rest_[0]);
      if (kind == ByteKind::blank) {
        blank_ = !result_.empty();
        rest_.remove_prefix(1);
      } else if (kind == ByteKind::separator) {
        const std::string_view known = rest_[0] == '<' ? leading_placeholder(rest_) : std::string_view();
        const std::string_view piece = known.empty() ? rest_.substr(0, 1) : known;
        append(piece);
        rest_.remove_prefix(piece.size());
      } else {
        atom();
      }
    }
    return std::move(result_);
  }

 private:
  void atom() {
    std::size_t begin = 0;
    while (begin < rest_.size() && kind_of(rest_[begin]) == ByteKind::edge) ++begin;
    // An encoded word and a path begin with what is punctuation elsewhere.
    const bool begins_so = rest_.starts_with("=?") || (begin == 1 && rest_[0] == '/');
    if (begin > 0 && !begins_so) {
      // A sign belongs to its number: it may be the offset of a time.
      const bool sign =
          begin == 1 && blank_ && (rest_[0] == '+' || rest_[0] == '-') && rest_.size() > 1 && is_digit(rest_[1]);
      if (!sign) append(rest_.substr(0, begin));
      rest_.remove_prefix(begin);
      if (!sign) return;
    }
    if (code()) return;
    std::string_view found = rest_.substr(0, length());
    rest_.remove_prefix(found.size());
    while (found.size() > 1 && kind_of(found.back()) == ByteKind::edge) {
      rest_ = {found.data() + found.size() - 1, rest_.size() + 1};
      found.remove_suffix(1);
    }
    add(found, is_name_in_date(found) ? AtomKind::time : kind_of_atom(found));
  }

  // How far the atom goes. "key=" and what a separator ends are atoms by themselves, but not within a URL.
  [[nodiscard]] std::size_t length() const {
    const bool url = rest_.starts_with("http");
    bool letters = true;
    std::size_t at = 0;
    for (; at < rest_.size(); ++at) {
      const char c = rest_[at];
      const ByteKind kind = kind_of(c);
      if (kind == ByteKind::blank) break;
      if (kind == ByteKind::separator && (!url || c == '<' || c == '>' || c == '"')) break;
      if (url) continue;
      if (c == '=' && letters && at > 0) break;
      letters = letters && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    }
    return at;
  }

  // The codes of the first line stand in front of each line. Where lines end depends on how long an address is, so that
  // later ones are left out.
  bool code() {
    const auto found = read_code(rest_);
    if (!found) return false;
    const std::size_t after = found->length;
    const bool ends = after == rest_.size() || kind_of(rest_[after]) != ByteKind::part;
    if (!ends) return false;
    const bool apart =
        blank_ && (after == rest_.size() || rest_[after] == '-' || kind_of(rest_[after]) == ByteKind::blank);
    const bool again =
        apart && (found->reply != 0 ? found->reply == reply_ : found->enhanced == enhanced_ && after_reply_);
    if (found->reply != 0 && reply_ == 0) reply_ = found->reply;
    if (found->reply == 0 && !enhanced_.given()) enhanced_ = found->enhanced;
    if (!again) append(rest_.substr(0, after));
    after_reply_ = found->reply != 0;
    rest_.remove_prefix(after);
    if (found->reply != 0 && rest_.starts_with('-')) {
      rest_.remove_prefix(1);
      blank_ = true;
    }
    return true;
  }

  // "Sat, 29" and "29 Mar 2025"
  [[nodiscard]] bool is_name_in_date(std::string_view atom) const {
    if (std::find(names_in_dates.begin(), names_in_dates.end(), atom) == names_in_dates.end()) return false;
    std::size_t next = 0;
    while (next < rest_.size() && (rest_[next] == ',' || kind_of(rest_[next]) == ByteKind::blank)) ++next;
    const std::size_t digit = next < rest_.size() && (rest_[next] == '+' || rest_[next] == '-') ? next + 1 : next;
    return (next > 0 && digit < rest_.size() && is_digit(rest_[digit])) || result_.ends_with("<number>") ||
           result_.ends_with("<time>");
  }

  void add(std::string_view atom, AtomKind kind) {
    if (extend(kind)) return;
    // "<a@b>" is "<address>", not "<<address>>".
    if (kind == AtomKind::address && !blank_ && result_.ends_with('<') && rest_.starts_with('>')) {
      result_.pop_back();
      rest_.remove_prefix(1);
    }
    append(kind == AtomKind::words ? atom : placeholder(kind));
  }

  // A date has many parts: all become one <time>. So do lists of numbers or ids become one.
  bool extend(AtomKind kind) {
    if (kind != AtomKind::time && kind != AtomKind::number && kind != AtomKind::id) return false;
    constexpr std::string_view time = "<time>";
    constexpr std::string_view number = "<number>";
    std::string_view before = result_;
    if (before.ends_with(',')) before.remove_suffix(1);
    if (before.size() == result_.size() && !blank_) return false;
    const bool same = before.ends_with(placeholder(kind)) || (kind == AtomKind::number && before.ends_with(time));
    const bool dated = kind == AtomKind::time && before.ends_with(number);
    if (!same && !dated) return false;
    result_.resize(before.size() - (dated ? number.size() : 0));
    if (dated) result_ += time;
    blank_ = false;
    return true;
  }

  // What does not fit ends the result. Text is cut only behind characters that are not ASCII: they stand in languages
  // without blanks, and the rest is taken for nothing else than before.
  void append(std::string_view text) {
    after_reply_ = false;
    const std::size_t before = result_.size();
    if (std::exchange(blank_, false)) result_ += ' ';
    const bool ascii =
        std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    if (ascii) {
      result_ += text;
      full_ = result_.size() > longest_folded_reason;
      if (full_) result_.resize(before);
      return;
    }
    std::size_t fits = before;
    while (!text.empty() && result_.size() <= longest_folded_reason) {
      const Letter letter = read_letter(text);
      append_utf8(result_, letter.code);
      text.remove_prefix(letter.length);
      if (letter.code >= 0x80 && result_.size() <= longest_folded_reason) fits = result_.size();
    }
    full_ = result_.size() > longest_folded_reason;
    if (full_) result_.resize(fits);
  }

  std::string_view rest_;
  std::string result_;
  bool blank_ = false;  // one comes before what is appended next
  bool full_ = false;
  int reply_ = 0;
  Enhanced enhanced_;
  bool after_reply_ = false;
};

}  // namespace

std::string fold_reason(std::string_view reason) {
  return Folder(reason).fold();
}

}  // namespace bounced::classify
