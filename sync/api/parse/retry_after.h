// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace bounced::api {

// "Sun, 06 Nov 1994 08:49:37 GMT", and the two older forms that HTTP still allows (RFC 9110, 5.6.7). now says which
// century a year of two digits is in.
std::optional<std::chrono::sys_seconds> http_date(std::string_view text, std::chrono::sys_seconds now);

// How long the server asks to wait, from 1 second to a day: by Retry-After, as seconds or a date, else by
// X-RateLimit-Reset, in unix seconds, or milliseconds. What cannot be read says nothing.
std::optional<std::chrono::seconds> retry_after(std::string_view retry_after, std::string_view rate_limit_reset,
                                                std::chrono::sys_seconds now);

}  // namespace bounced::api
