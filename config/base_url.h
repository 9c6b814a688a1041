// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bounced::config {

// The address of an API, normalised and without a slash at its end. Throws std::invalid_argument where it is not https
// (or http to a loopback address), or has more than a host, a port and a path. What it says repeats nothing of the
// address: a password may stand in it.
std::string parse_base_url(std::string_view text);

// Whether it is a number from 1 to 65535. (Boost.URL's port_number() of 1.81 does not tell an overflow.)
bool is_port(std::string_view text);

}  // namespace bounced::config
