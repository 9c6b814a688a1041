// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bounced::api {

// The text with "***" in place of what may be the secret: each run of six of its characters (of all, if it is shorter),
// in any case; and what follows `api_key=` or `Bearer`. Servers repeat a request in errors in many ways, so it is
// looked for in the text as it is, and with percent-encoding, character references and backslash escapes undone, each
// also several times over; and in base64 and hexadecimal.
std::string mask(std::string_view text, std::string_view secret);

}  // namespace bounced::api
