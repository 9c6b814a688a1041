// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bounced::api {

// Foreign text for people: one line of valid UTF-8 without what a terminal obeys or does not show (is_hidden), at most
// 500 bytes, with the secret masked (parse/mask.h).
std::string presentable(std::string_view text, std::string_view secret);

}  // namespace bounced::api
