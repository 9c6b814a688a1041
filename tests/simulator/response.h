// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/document.h"

namespace bounced::simulator {

// What the API has to say to a call, before anyone spoils it.
struct Response {
  int status = 200;
  std::string content_type;
  Document document;
  bool is_list = false;
  std::shared_ptr<const std::string> packed = {};  // the same in gzip, where it was packed before
  std::vector<std::pair<std::string, std::string>> headers = {};
};

}  // namespace bounced::simulator
