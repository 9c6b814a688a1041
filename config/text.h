// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bounced::config {

struct File {
  std::string bytes;
  bool open_to_others = false;  // others than its owner and group may read or write it
};
// Throws std::invalid_argument, which says why the file cannot be read and does not repeat its path.
File read_file(const std::filesystem::path& file);
// The bytes of a file that the configuration names: what is thrown begins with its path.
std::string read_named_file(const std::filesystem::path& file);

// What makes a text no text: bytes that are not UTF-8, or a control character other than tab and the ends of lines.
struct TextFault {
  int line = 0;
  std::string message;
};
std::optional<TextFault> find_fault(std::string_view text);

// Throws std::invalid_argument where a value is empty or holds a control character.
void check_value(std::string_view value);

// The name of a customer, an account or a user. Throws std::invalid_argument where it is blank, begins or ends with a
// blank, holds a control character or is longer than 1,000 bytes.
void check_name(std::string_view name);

// A value as a message shows it: in quotes, cut to a sane length, without control characters. Not for secrets.
std::string in_quotes(std::string_view text);

// As one word of a shell's command line, whatever it holds.
std::string shell_word(std::string_view text);

// The word that was probably meant, or an empty text where none is near enough.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& words);

// "a, b, c"
std::string joined(const std::vector<std::string_view>& words);

}  // namespace bounced::config
