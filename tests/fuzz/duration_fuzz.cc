// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "config/duration.h"

// Whatever is read as a duration is read as the same one again when it is printed, which makes it no longer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using bounced::config::format_duration;
  using bounced::config::parse_duration;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::chrono::seconds duration{};
  try {
    duration = parse_duration(text);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  const std::string printed = format_duration(duration);
  if (duration.count() < 0 || printed.size() > text.size() || parse_duration(printed) != duration) __builtin_trap();
  return 0;
}
