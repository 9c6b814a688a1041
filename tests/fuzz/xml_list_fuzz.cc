// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/list_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bounced::fuzz::check_list(bounced::api::make_xml_list_parser, {reinterpret_cast<const char*>(data), size});
  return 0;
}
