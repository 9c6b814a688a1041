// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bounced::simulator {

// What a text is written into.
enum class Text {
  plain,
  json,        // as PHP does: "/" is escaped, bytes over 127 go as they are
  json_ascii,  // valid UTF-8 as \u escapes
  xml,
};

// Appends the text as it stands in such a document. Bytes that are not valid UTF-8 go as they are.
void append_escaped(std::string& out, std::string_view text, Text into);
std::string escaped(std::string_view text, Text into);

}  // namespace bounced::simulator
