// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "db/address.h"

namespace bounced::daemon {

// Whether the address is on any list now.
bool is_listed(const db::AddressHistory& history);

// What `bounced why` says, for people and for programs. The text's lines have at most 100 characters where words allow.
std::string why_text(const std::string& address, const db::AddressHistory& history);
std::string why_json(const std::string& address, const db::AddressHistory& history);

}  // namespace bounced::daemon
