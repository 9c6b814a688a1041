// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "sync/api/fault.h"

namespace bounced::api {

// An HTTP answer that is no list, to its end or to classified_bytes.
struct Answer {
  int status = 0;
  std::string body;
  std::string location;
  std::optional<std::chrono::seconds> retry_after;
  std::string not_a_list;  // what kept the body from being a list; empty where none was looked for
  config::Api api = config::Api::v2;
};

// More of a body says no more about the fault.
inline constexpr std::size_t classified_bytes = 64 * 1024;

// Which fault it is. The secret is masked in the message.
Fault classify(const Answer& answer, std::string_view secret);

}  // namespace bounced::api
