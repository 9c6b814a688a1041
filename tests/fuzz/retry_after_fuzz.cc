// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sync/api/parse/retry_after.h"

// The bytes are both headers, with a line feed between them. What is asked for is never out of bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::chrono_literals;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), size);
  const std::chrono::sys_seconds now{1'700'000'000s};
  const auto wait = bounced::api::retry_after(text.substr(0, end), text.substr(std::min(end + 1, size)), now);
  if (wait && (*wait < 1s || *wait > 24h)) std::abort();
  return 0;
}
