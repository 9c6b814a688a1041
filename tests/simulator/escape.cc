// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/escape.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace bounced::simulator {
namespace {

void append_unit(std::string& out, unsigned unit) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", unit & 0xffffu);
  out += text.data();
}

struct CodePoint {
  std::uint32_t value;
  std::size_t bytes;
};

// The character of several bytes that the text begins with, if it is valid.
std::optional<CodePoint> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t bytes = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < bytes) return std::nullopt;
  std::uint32_t value = byte(0) & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::array<std::uint32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (value < least.at(bytes) || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return std::nullopt;
  return CodePoint{value, bytes};
}

void append_json(std::string& out, std::string_view text, bool ascii) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\\' || c == '/') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      append_unit(out, static_cast<unsigned char>(c));
    } else if (const auto point = ascii && (c & 0x80) ? decode(text.substr(i)) : std::nullopt) {
      if (point->value >= 0x10000) append_unit(out, 0xd7c0 + (point->value >> 10));
      append_unit(out, point->value >= 0x10000 ? 0xdc00 | (point->value & 0x3ff) : point->value);
      i += point->bytes - 1;
    } else {
      out += c;
    }
  }
}

void append_xml(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, Text into) {
  if (into == Text::plain) {
    out += text;
  } else if (into == Text::xml) {
    append_xml(out, text);
  } else {
    append_json(out, text, into == Text::json_ascii);
  }
}

std::string escaped(std::string_view text, Text into) {
  std::string out;
  append_escaped(out, text, into);
  return out;
}

}  // namespace bounced::simulator
