// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/mask.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "sync/api/parse/lower.h"

namespace bounced::api {
namespace {

constexpr std::size_t telling = 6;  // fewer characters tell little, and are often chance
// How often an encoding may be encoded again.
constexpr int most_layers = 5;

// A byte of the text as some decoding sees it, and where it stands in the text itself.
struct Byte {
  char value;
  std::size_t begin;
  std::size_t end;
};
using Bytes = std::vector<Byte>;

struct Undone {
  std::string value;
  std::size_t length;  // of what is written for it
};

std::string_view text_of(const Bytes& bytes, std::string& room) {
  room.clear();
  for (const Byte& byte : bytes) room += byte.value;
  return room;
}

std::optional<unsigned> number(std::string_view digits, int base) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// In UTF-8. What is beyond two bytes stands in no key.
std::string character(unsigned code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  if (code >= 0x800) return "?";
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

// %XX, =XX, \xXX, \uXXXX, \/ and the like, &#NN; &#xXX; &amp; and the like.
std::optional<Undone> escape_at(std::string_view text) {
  const auto hex = [&](std::size_t at, std::size_t digits) -> std::optional<Undone> {
    if (text.size() < at + digits) return std::nullopt;
    const auto value = number(text.substr(at, digits), 16);
    if (!value) return std::nullopt;
    return Undone{digits == 2 ? std::string(1, static_cast<char>(*value)) : character(*value), at + digits};
  };
  if (text[0] == '%' || text[0] == '=') return hex(1, 2);
  if (text[0] == '\\' && text.size() > 1) {
    if (text[1] == 'x' || text[1] == 'X') return hex(2, 2);
    if (text[1] == 'u' || text[1] == 'U') return hex(2, 4);
    return Undone{std::string(1, text[1]), 2};
  }
  if (text[0] != '&') return std::nullopt;
  constexpr std::size_t longest = 12;
  const std::size_t end = text.substr(0, longest).find(';');
  if (end == text.npos || end < 2) return std::nullopt;
  const std::string name = lower(text.substr(1, end - 1));
  if (name[0] == '#') {
    const bool is_hex = name.size() > 1 && name[1] == 'x';
    const auto value = number(std::string_view(name).substr(is_hex ? 2 : 1), is_hex ? 16 : 10);
    return value ? std::optional(Undone{character(*value), end + 1}) : std::nullopt;
  }
  constexpr std::array<std::pair<std::string_view, char>, 14> names{{{"amp", '&'},
                                                                     {"lt", '<'},
                                                                     {"gt", '>'},
                                                                     {"quot", '"'},
                                                                     {"apos", '\''},
                                                                     {"period", '.'},
                                                                     {"lowbar", '_'},
                                                                     {"underbar", '_'},
                                                                     {"hyphen", '-'},
                                                                     {"dash", '-'},
                                                                     {"equals", '='},
                                                                     {"plus", '+'},
                                                                     {"sol", '/'},
                                                                     {"percnt", '%'}}};
  for (const auto& [known, value] : names) {
    if (name == known) return Undone{std::string(1, value), end + 1};
  }
  return std::nullopt;
}

// One layer of escapes undone; nothing: there is none.
std::optional<Bytes> decoded(const Bytes& bytes) {
  std::string room;
  const std::string_view text = text_of(bytes, room);
  Bytes result;
  bool changed = false;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto escape = escape_at(text.substr(i));
    const std::size_t length = escape ? escape->length : 1;
    const std::string value = escape ? escape->value : std::string(1, bytes[i].value);
    for (const char byte : value) result.push_back({byte, bytes[i].begin, bytes[i + length - 1].end});
    changed = changed || escape;
    i += length;
  }
  return changed ? std::optional(std::move(result)) : std::nullopt;
}

std::string base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : text) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (count += 8; count >= 6; count -= 6) encoded += digits[bits >> (count - 6) & 63];
  }
  return encoded;  // without the last digit, which depends on what follows
}

std::string hexadecimal(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string encoded;
  for (const char byte : text) {
    encoded += digits[static_cast<unsigned char>(byte) >> 4];
    encoded += digits[static_cast<unsigned char>(byte) & 15];
  }
  return encoded;
}

// Runs of so many characters that show the secret.
class Runs {
 public:
  Runs(std::string_view of, std::size_t length, bool any_case)
      : length_(std::min(length, of.size())), any_case_(any_case) {
    const std::string text = any_case ? lower(of) : std::string(of);
    for (std::size_t i = 0; length_ > 0 && i + length_ <= text.size(); ++i) runs_.insert(text.substr(i, length_));
  }

  void hide(const Bytes& bytes, std::string_view text, std::vector<bool>& hidden) const {
    const std::string searched = any_case_ ? lower(text) : std::string(text);
    for (std::size_t i = 0; !runs_.empty() && i + length_ <= searched.size(); ++i) {
      if (!runs_.contains(std::string_view(searched).substr(i, length_))) continue;
      for (std::size_t at = bytes[i].begin; at < bytes[i + length_ - 1].end; ++at) hidden[at] = true;
    }
  }

 private:
  std::size_t length_;
  bool any_case_;
  std::set<std::string, std::less<>> runs_;
};

std::vector<Runs> runs_of(std::string_view secret) {
  std::vector<Runs> all;
  all.emplace_back(secret, telling, true);
  if (secret.size() < telling) return all;
  all.emplace_back(hexadecimal(secret), 2 * telling, true);
  // By how many bytes of a group of three stand before it. Its first digits depend on these.
  for (std::size_t before = 0; before < 3; ++before) {
    const std::string encoded = base64(std::string(before, '\0').append(secret));
    std::string digits = encoded.substr(before == 0 ? 0 : before + 1);
    all.emplace_back(digits, telling * 4 / 3, false);
    std::ranges::replace(digits, '+', '-');
    std::ranges::replace(digits, '/', '_');
    all.emplace_back(digits, telling * 4 / 3, false);
  }
  return all;
}

// What stands behind a name that a key follows, up to the end of the value.
void hide_values(const Bytes& bytes, std::string_view text, std::vector<bool>& hidden) {
  const std::string searched = lower(text);
  for (const std::string_view name :
       {std::string_view("api_key"), std::string_view("bearer"), std::string_view("basic")}) {
    for (auto found = searched.find(name); found != searched.npos; found = searched.find(name, found + 1)) {
      std::size_t at = searched.find_first_not_of(name == "api_key" ? "=:\"' " : ": ", found + name.size());
      // "api_keys" and "the bearer of" are no such names.
      const std::string between = searched.substr(found + name.size(), at - found - name.size());
      const bool is_name = name == "api_key" ? between.find_first_of("=:") != between.npos : !between.empty();
      if (!is_name || at == searched.npos) continue;
      std::size_t end = std::min(searched.find_first_of(" &\"'<>;,", at), searched.size());
      // A word is no key.
      if (name != "api_key" && end - at < 16) continue;
      for (std::size_t i = bytes[at].begin; i < bytes[end - 1].end; ++i) hidden[i] = true;
    }
  }
}

}  // namespace

std::string mask(std::string_view text, std::string_view secret) {
  const std::vector<Runs> all_runs = runs_of(secret);
  std::vector<bool> hidden(text.size());
  std::optional<Bytes> bytes(std::in_place);
  for (std::size_t i = 0; i < text.size(); ++i) bytes->push_back({text[i], i, i + 1});
  std::string room;
  for (int layer = 0; layer <= most_layers && bytes; ++layer) {
    const std::string_view shown = text_of(*bytes, room);
    for (const Runs& runs : all_runs) runs.hide(*bytes, shown, hidden);
    hide_values(*bytes, shown, hidden);
    bytes = decoded(*bytes);
  }
  std::string masked;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!hidden[i]) {
      masked += text[i];
    } else if (i == 0 || !hidden[i - 1]) {
      masked += "***";
    }
  }
  return masked;
}

}  // namespace bounced::api
