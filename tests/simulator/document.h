// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/simulator/lists.h"

// The documents that the API answers with.
namespace bounced::simulator {

// Makes a document piece by piece: appends the next piece, and says whether there is more.
using Document = std::function<bool(std::string& out)>;

struct ListQuery {
  bool xml = false;
  bool with_created = false;  // date=1
  std::string since = {};     // days that entries are from and to, as YYYY-MM-DD; "": any
  std::string until = {};
};

Document list_document(std::shared_ptr<const Lists::Snapshot> list, ListQuery query);
Document text_document(std::string text);
Document packed_document(std::shared_ptr<const std::string> bytes);

// {"message":"…"}
std::string message(std::string_view text, bool xml);
// {"error":{"code":…,"message":"…"}}, which in XML is a message "error" with a list of errors
std::string error(int code, std::string_view text, bool xml);

}  // namespace bounced::simulator
