// SPDX-License-Identifier: Apache-2.0
#include "classify/atom.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "classify/codes.h"
#include "classify/letters.h"

namespace bounced::classify {
namespace {

// Shorter mixtures of letters and digits are names as S3150, TSS04 or sha256.
constexpr std::size_t least_id = 8;

constexpr std::array<std::string_view, 7> placeholders = {"<address>", "<host>",   "<ip>",  "<url>",
                                                          "<id>",      "<number>", "<time>"};

// Which list a host is on is part of the cause.
constexpr std::array<std::string_view, 12> telling_hosts = {"spamhaus", "spamcop",    "sorbs",       "barracuda",
                                                            "abuseat",  "uceprotect", "invaluement", "surbl",
                                                            "uribl",    "mimecast",   "proofpoint",  "cloudmark"};

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// How many there are of what in an atom.
struct Counts {
  std::size_t letters = 0;
  std::size_t digits = 0;
  std::size_t dots = 0;
  std::size_t colons = 0;
  std::size_t slashes = 0;
  std::size_t hyphens = 0;
  std::size_t others = 0;
  bool address = false;
  bool beyond_ascii = false;
};

Counts count(std::string_view atom) {
  Counts counts;
  for (const char c : atom) {
    if (is_lower(c) || is_upper(c)) {
      ++counts.letters;
    } else if (is_digit(c)) {
      ++counts.digits;
    } else if (c == '.') {
      ++counts.dots;
    } else if (c == ':') {
      ++counts.colons;
    } else if (c == '/') {
      ++counts.slashes;
    } else if (c == '-') {
      ++counts.hyphens;
    } else {
      ++counts.others;
      counts.address = counts.address || c == '@';
      counts.beyond_ascii = counts.beyond_ascii || static_cast<unsigned char>(c) >= 0x80;
    }
  }
  return counts;
}

bool starts_with_no_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) { return a == (b | 0x20); });
}

bool is_url(std::string_view atom) {
  return starts_with_no_case(atom, "http:") || starts_with_no_case(atom, "https:") || starts_with_no_case(atom, "www.");
}

// Without ":25" at its end.
std::string_view without_port(std::string_view atom) {
  const std::size_t last = atom.find_last_not_of("0123456789");
  const bool port = last != std::string_view::npos && last > 0 && last + 1 < atom.size() && atom[last] == ':' &&
                    atom.find(':') == last;
  return port ? atom.substr(0, last) : atom;
}

bool is_ipv4(std::string_view text) {
  std::size_t parts = 0;
  while (true) {
    const std::size_t length = std::min(text.find('.'), text.size());
    if (length == 0 || length > 3 ||
        !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length), is_digit))
      return false;
    ++parts;
    if (length == text.size()) return parts == 4;
    text.remove_prefix(length + 1);
  }
}

bool is_ipv6(std::string_view text, const Counts& counts) {
  return counts.colons >= 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_hex(c) || c == ':' || c == '.'; });
}

// Labels of letters, digits and hyphens. The last one is written small, or has two to four capitals: names of errors,
// as RESOLVER.ADR.RecipNotFound, are none.
bool is_host(std::string_view text, const Counts& counts) {
  if (counts.dots == 0 || counts.slashes > 0 || counts.others > 0 || counts.colons > 0) return false;
  if (text.find("..") != std::string_view::npos) return false;
  const std::string_view last = text.substr(text.rfind('.') + 1);
  const bool small = last.size() >= 2 && std::all_of(last.begin(), last.end(), is_lower);
  const bool capital = last.size() >= 2 && last.size() <= 4 && std::all_of(last.begin(), last.end(), is_upper);
  return small || capital;
}

bool is_telling(std::string_view host) {
  return std::any_of(telling_hosts.begin(), telling_hosts.end(), [&](std::string_view name) {
    return std::search(host.begin(), host.end(), name.begin(), name.end(),
                       [](char a, char b) { return (a | 0x20) == b; }) != host.end();
  });
}

// How many digits stand first.
std::size_t leading_digits(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// "8:11", "8:11:10", "08:58:06.389"
bool is_clock(std::string_view text) {
  std::size_t length = leading_digits(text);
  if (length == 0 || length > 2) return false;
  for (int parts = 1;; ++parts) {
    text.remove_prefix(length);
    if (text.empty() || text[0] == '.') return parts == 2 || parts == 3;
    length = leading_digits(text.substr(1)) + 1;
    if (text[0] != ':' || length != 3) return false;
  }
}

// "25/05/2018", "2018-05-25", "25.05.2018"
bool is_date(std::string_view text) {
  const std::size_t first = leading_digits(text);
  if (first == 0 || first > 4 || first == text.size()) return false;
  const char separator = text[first];
  const std::string_view rest = text.substr(first + 1);
  const std::size_t second = leading_digits(rest);
  if (second == 0 || second > 2 || second == rest.size() || rest[second] != separator) return false;
  const std::size_t third = leading_digits(rest.substr(second + 1));
  if (second + 1 + third != rest.size()) return false;
  if (separator == '.') return first <= 2 && third == 4;
  return (separator == '-' || separator == '/') && (first == 4 ? third <= 2 : third == 4 || third == 2);
}

// "2024-06-24T08:58:06.389Z"
bool is_moment(std::string_view text) {
  constexpr std::size_t date = 10;
  return text.size() > date && (text[date] == 'T' || text[date] == 'Z') && is_date(text.substr(0, date));
}

bool is_time(std::string_view text, const Counts& counts) {
  return counts.letters == 0 ? is_clock(text) || is_date(text) : is_moment(text);
}

AtomKind kind_of_digits(std::string_view atom, const Counts& counts) {
  const auto code = read_code(atom);
  if (code && code->length == atom.size()) return AtomKind::words;
  if (counts.digits == atom.size()) return AtomKind::number;
  if (is_ipv4(without_port(atom))) return AtomKind::ip;
  if (is_ipv6(atom, counts) && atom.find("::") != std::string_view::npos) return AtomKind::ip;
  if (is_time(atom, counts)) return AtomKind::time;
  return counts.digits + counts.dots == atom.size() && counts.dots == 1 ? AtomKind::number : AtomKind::id;
}

}  // namespace

AtomKind kind_of_atom(std::string_view atom) {
  const Counts counts = count(atom);
  if (counts.address && atom.size() > 1) return AtomKind::address;
  if (is_url(atom)) return AtomKind::url;
  if (counts.beyond_ascii || counts.letters + counts.digits == 0) return AtomKind::words;
  if (counts.letters == 0) return kind_of_digits(atom, counts);
  const std::string_view host = without_port(atom);
  const Counts host_counts = host.size() == atom.size() ? counts : count(host);
  if (is_host(host, host_counts)) return is_telling(host) ? AtomKind::words : AtomKind::host;
  if (counts.slashes >= 2 && (atom[0] == '/' || counts.digits > 0)) return AtomKind::id;  // a path, or base64
  if (counts.digits == 0) return AtomKind::words;
  if (is_ipv6(atom, counts)) return AtomKind::ip;
  if (is_time(atom, counts)) return AtomKind::time;
  return atom.size() >= least_id ? AtomKind::id : AtomKind::words;
}

std::string_view placeholder(AtomKind kind) {
  return kind == AtomKind::words ? std::string_view() : placeholders.at(static_cast<std::size_t>(kind) - 1);
}

std::string_view leading_placeholder(std::string_view text) {
  const auto found = std::find_if(placeholders.begin(), placeholders.end(),
                                  [&](std::string_view name) { return text.starts_with(name); });
  return found == placeholders.end() ? std::string_view() : *found;
}

}  // namespace bounced::classify
