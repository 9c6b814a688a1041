// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sync/api/parse/paging.h"
#include "sync/api/parse/subusers.h"

// No name that is taken from an API can break a header of a request. Where a list of pages ends is a number or nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (const auto subusers = bounced::api::read_subusers(bytes)) {
    for (const auto& subuser : *subusers) {
      if (subuser.unusable) continue;
      if (subuser.name.empty() || subuser.name.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) {
        std::abort();
      }
    }
  }
  if (bounced::api::read_page_links(bytes).last && bytes.find("offset=") == std::string::npos) std::abort();
  return 0;
}
