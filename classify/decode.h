// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bounced::classify {

// The text with its encoded words (RFC 2047, B and Q) decoded, and the kana of ISO-2022-JP made UTF-8; its other
// characters become blanks. The same text where there is nothing of that, else one that `buffer` holds.
std::string_view decode(std::string_view text, std::string& buffer);

}  // namespace bounced::classify
