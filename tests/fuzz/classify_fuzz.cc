// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sync/api/parse/classify.h"
#include "sync/api/parse/removal.h"

// Whatever a server says: the message is short and clean, and the key is not in it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view key = "Zq7+x";  // which no text of our own contains
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  // No server trouble is ever taken for a deletion.
  if (bounced::api::read_removal(200, bytes)) {
    for (const int status : {401, 403, 429, 500, 502}) {
      if (bounced::api::read_removal(status, bytes)) std::abort();
    }
  }
  for (const int status : {200, 302, 401, 404, 502}) {
    bounced::api::Answer answer;
    answer.status = status;
    answer.body = bytes;
    answer.location = bytes;
    if (status == 200) answer.not_a_list = "at byte 0: syntax error";
    const bounced::api::Fault fault = bounced::api::classify(answer, key);
    if (fault.message.empty() || fault.message.size() > 1200) std::abort();
    if (fault.message.find(key) != fault.message.npos) std::abort();
    for (const char byte : fault.message) {
      if (static_cast<unsigned char>(byte) < ' ' || byte == '\x7F') std::abort();
    }
  }
  return 0;
}
