// SPDX-License-Identifier: Apache-2.0
#include "config/section.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <unordered_map>

#include "config/duration.h"

namespace bounced::config {
namespace {

// Longer than any sensible interval, and short enough for every clock's nanoseconds.
constexpr std::chrono::seconds longest_duration = std::chrono::hours(24 * 3650);

// Whatever else stands where a key belongs may be a password that lost its key (in a URL, say), and is not repeated.
bool looks_like_key(std::string_view text) {
  constexpr std::size_t longest = 40;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

Section::Section(const Node::Entry& entry, std::string path, Report& report)
    : report_(report),
      path_(std::move(path)),
      line_(entry.line),
      is_mapping_(entry.value->kind == Node::Kind::mapping || entry.value->kind == Node::Kind::null),
      node_(entry.value->kind == Node::Kind::mapping ? entry.value : nullptr) {
  if (!is_mapping_) report_.add(line_, path_, "must be a mapping: lines of KEY: VALUE, indented, or {KEY: VALUE, …}");
}

std::string Section::path_of(std::string_view key) const {
  std::string path = path_;
  if (!path.empty()) path += '.';
  return path.append(key);
}

const Node::Entry* Section::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  if (node_ == nullptr) return nullptr;
  const auto entry =
      std::find_if(node_->entries.begin(), node_->entries.end(), [&](const auto& e) { return e.key == key; });
  return entry == node_->entries.end() ? nullptr : &*entry;
}

Section Section::section(std::string_view key) {
  static const Node nothing;
  const Node::Entry* entry = find(key);
  return {entry == nullptr ? Node::Entry{{}, line_, &nothing} : *entry, path_of(key), report_};
}

const Node* Section::list(std::string_view key) {
  const Node::Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  if (entry->value->kind == Node::Kind::list) return entry->value;
  problem(key, "must be a list: lines of - ITEM, indented, or [ITEM, …]");
  return nullptr;
}

const std::string* Section::scalar(std::string_view key) {
  const Node::Entry* entry = find(key);
  if (entry == nullptr) return nullptr;
  if (entry->value->kind == Node::Kind::scalar) return &entry->value->text;
  if (entry->value->kind == Node::Kind::null) {
    problem(key, "has no value; write one, or remove the key");
  } else {
    problem(key, "must be a single value");
  }
  return nullptr;
}

void Section::read(std::string_view key, int& value, int least, int most) {
  read(key, [&](const std::string& text) {
    int number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || rest != text.data() + text.size() || number < least || number > most) {
      throw std::invalid_argument("is " + in_quotes(text) + "; write a whole number from " + std::to_string(least) +
                                  " to " + std::to_string(most));
    }
    value = number;
  });
}

void Section::read(std::string_view key, std::chrono::seconds& value, std::chrono::seconds least) {
  read(key, [&](const std::string& text) {
    std::chrono::seconds duration{};
    try {
      duration = parse_duration(text);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(in_quotes(text) + ' ' + error.what());
    }
    if (duration < least || duration > longest_duration) {
      throw std::invalid_argument("is " + in_quotes(text) + "; write a duration from " + format_duration(least) +
                                  " to " + format_duration(longest_duration));
    }
    value = duration;
  });
}

void Section::require(std::string_view key, const std::string& remedy) {
  if (is_mapping_ && find(key) == nullptr) report_.add(line_, path_of(key), "is missing; " + remedy);
}

void Section::problem(std::string_view key, std::string message) {
  const Node::Entry* entry = find(key);
  report_.add(entry == nullptr ? line_ : entry->line, path_of(key), std::move(message));
}

void Section::refuse_others(Show show) {
  if (node_ == nullptr) return;
  std::unordered_map<std::string_view, int> lines;
  for (const auto& [key, line, value] : node_->entries) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) {
      const auto [first, is_first] = lines.emplace(key, line);
      if (!is_first) {
        report_.add(line, path_of(key),
                    "is given twice, first in line " + std::to_string(first->second) + "; keep one of them");
      }
      continue;
    }
    const bool is_key = looks_like_key(key);
    const std::string_view meant = is_key ? nearest(key, known_) : std::string_view();
    report_.add(line, is_key && show == Show::keys ? path_of(key) : path_,
                meant.empty() ? "unknown key; the keys here are " + joined(known_)
                              : "unknown key; did you mean " + std::string(meant) + '?');
  }
}

}  // namespace bounced::config
