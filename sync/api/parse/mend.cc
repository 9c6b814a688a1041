// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/mend.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "sync/api/parse/utf8.h"

namespace bounced::api {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_control(char byte) {
  return static_cast<unsigned char>(byte) < 0x20;
}
bool is_hex(char byte) {
  return std::isxdigit(static_cast<unsigned char>(byte)) != 0;
}

// In XML, by itself. All its comparisons are made, whatever the first ones say: of many bytes at once, if the compiler
// sees to it.
unsigned char needs_mending(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return static_cast<unsigned char>((code >= 0x80) | (code == '&') |
                                    ((code < ' ') & (code != '\n') & (code != '\t') & (code != '\r')));
}

// How many bytes stand first that need no mending.
std::size_t run_without_mending(std::string_view bytes) {
  constexpr std::size_t block = 32;
  std::size_t end = 0;
  for (; end + block <= bytes.size(); end += block) {
    unsigned char bad = 0;
    for (std::size_t i = 0; i < block; ++i) bad |= needs_mending(bytes[end + i]);
    if (bad != 0) break;
  }
  while (end < bytes.size() && needs_mending(bytes[end]) == 0) ++end;
  return end;
}

// Could these bytes be, or become with more of them, what starts with prefix?
bool may_start_with(std::string_view bytes, std::string_view prefix) {
  return bytes.substr(0, prefix.size()) == prefix.substr(0, bytes.size());
}

// The escape \uXXXX that stands, or does not stand, at the beginning of some text.
struct Escape {
  enum class State { none, cut, whole };
  static constexpr std::size_t length = 6;

  explicit Escape(std::string_view text) {
    const std::string_view digits = text.substr(std::min<std::size_t>(2, text.size()), 4);
    if (!may_start_with(text, "\\u") || !std::all_of(digits.begin(), digits.end(), is_hex)) return;
    state = text.size() < length ? State::cut : State::whole;
    if (state == State::whole) std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
  }

  [[nodiscard]] bool is_high_surrogate() const { return unit >= 0xD800 && unit <= 0xDBFF; }
  [[nodiscard]] bool is_low_surrogate() const { return unit >= 0xDC00 && unit <= 0xDFFF; }

  State state = State::none;
  unsigned unit = 0;
};

}  // namespace

std::string_view JsonMender::mend(std::string_view piece, bool last) {
  const std::string text = std::move(held_.append(piece));
  held_.clear();
  mended_.clear();
  std::string_view rest = text;
  if (!started_) {
    const bool marked = may_start_with(rest, byte_order_mark);
    if (rest.size() < byte_order_mark.size() && marked && !last) {
      held_ = rest;
      return {};
    }
    started_ = true;
    if (marked && rest.size() >= byte_order_mark.size()) {
      mended_.append(byte_order_mark.size(), ' ');
      rest.remove_prefix(byte_order_mark.size());
    }
  }

  const auto copy = [&](std::size_t count) {
    mended_ += rest.substr(0, count);
    rest.remove_prefix(std::min(count, rest.size()));
  };
  // A backslash stands in strings only; elsewhere it breaks the document anyway.
  for (copy(rest.find('\\')); !rest.empty(); copy(rest.find('\\'))) {
    const Escape escape(rest);
    const Escape next(escape.is_high_surrogate() ? rest.substr(Escape::length) : std::string_view("-"));
    if (!last && (escape.state == Escape::State::cut || next.state == Escape::State::cut)) {
      held_ = rest;
      break;
    }
    if (escape.is_high_surrogate() && next.is_low_surrogate()) {
      copy(2 * Escape::length);
    } else if (escape.is_high_surrogate() || escape.is_low_surrogate()) {
      mended_ += "\\ufffd";
      rest.remove_prefix(Escape::length);
    } else {
      copy(2);
    }
  }
  for (char& byte : mended_) byte = is_control(byte) ? ' ' : byte;  // without a branch
  return mended_;
}

std::string_view XmlMender::mend(std::string_view piece, bool last) {
  const std::string text = std::move(held_.append(piece));
  mended_.clear();
  std::string_view rest = text;
  bool judged = started_ || read_start(rest, last);
  while (judged && !rest.empty()) {
    const std::size_t run = run_without_mending(rest);
    mended_ += rest.substr(0, run);
    rest.remove_prefix(run);
    if (!rest.empty()) judged = rest.front() == '&' ? mend_reference(rest, last) : mend_char(rest, last);
  }
  held_ = rest;
  return mended_;
}

// Drops what may not stand before the document and looks for its declaration. False: more is needed for that.
bool XmlMender::read_start(std::string_view& rest, bool last) {
  constexpr std::string_view declaration = "<?xml";
  constexpr std::size_t longest_declaration = 1024;
  while (!rest.empty()) {
    const bool marked = may_start_with(rest, byte_order_mark);
    if (marked && rest.size() < byte_order_mark.size() && !last) return false;
    const bool whole_mark = marked && rest.size() >= byte_order_mark.size();
    if (!whole_mark && rest.front() != ' ' && !is_control(rest.front())) break;
    rest.remove_prefix(whole_mark ? byte_order_mark.size() : 1);
  }
  const std::size_t end = rest.find("?>");
  if (!last && may_start_with(rest, declaration) && end == rest.npos && rest.size() < longest_declaration) {
    return false;
  }
  if (rest.starts_with(declaration)) {
    std::string declared(rest.substr(0, std::min(end, longest_declaration)));
    std::transform(declared.begin(), declared.end(), declared.begin(),
                   [](unsigned char byte) { return static_cast<char>(std::toupper(byte)); });
    latin1_ = declared.find("ISO-8859-1\"") != declared.npos || declared.find("ISO-8859-1'") != declared.npos;
  }
  started_ = true;
  return true;
}

// Mends &#N; and &#xN;. In a CDATA section they are no references; that one is changed there is harmless.
bool XmlMender::mend_reference(std::string_view& rest, bool last) {
  constexpr std::size_t longest = 16;  // "&#x0010FFFF;", with room for more zeros
  const bool hex = rest.size() > 2 && rest[2] == 'x';
  const std::size_t start = hex ? 3 : 2;
  std::size_t end = std::min(start, rest.size());
  while (end < rest.size() && (hex ? is_hex(rest[end]) : rest[end] >= '0' && rest[end] <= '9')) ++end;
  if (!last && may_start_with(rest, "&#") && end == rest.size() && end < longest) return false;

  // A longer one is left to Expat, however the document was cut.
  const bool whole = rest.starts_with("&#") && end > start && end < std::min(rest.size(), longest) && rest[end] == ';';
  unsigned long code = 0x110000;  // stays where the number is too large
  if (whole) std::from_chars(rest.data() + start, rest.data() + end, code, hex ? 16 : 10);
  if (whole && code < 0x20 && code != '\t' && code != '\n' && code != '\r') {
    if (code != 0) mended_ += ' ';
    rest.remove_prefix(end + 1);
  } else if (whole && ((code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF || is_noncharacter(char32_t(code)))) {
    mended_ += replacement;
    rest.remove_prefix(end + 1);
  } else {
    mended_ += '&';
    rest.remove_prefix(1);
  }
  return true;
}

// Mends a control byte, or a character beyond ASCII.
bool XmlMender::mend_char(std::string_view& rest, bool last) {
  const Utf8Step step = read_utf8(rest);
  if (step.state == Utf8Step::State::cut && !last) return false;
  const std::string_view bytes = rest.substr(0, step.length);
  if (step.state == Utf8Step::State::good && !is_noncharacter(step.code)) {
    const bool blank = is_control(bytes.front()) && step.code != '\t' && step.code != '\n' && step.code != '\r';
    mended_ += blank ? std::string_view(" ") : bytes;
  } else if (latin1_ && step.state != Utf8Step::State::good) {
    for (const char byte : bytes) {
      mended_ += static_cast<char>(0xC0 | (static_cast<unsigned char>(byte) >> 6));
      mended_ += static_cast<char>(0x80 | (byte & 0x3F));
    }
  } else {
    mended_ += replacement;
  }
  rest.remove_prefix(step.length);
  return true;
}

}  // namespace bounced::api
