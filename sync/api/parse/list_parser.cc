// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/list_parser.h"

namespace bounced::api {

void ListParser::begin_entry() {
  for (StorableText* text : {&email_, &status_, &reason_, &created_}) text->clear();
}

void ListParser::begin_value(std::string_view key) {
  value_ = key == "email"     ? &email_
           : key == "status"  ? &status_
           : key == "reason"  ? &reason_
           : key == "created" ? &created_
                              : nullptr;
  if (value_ != nullptr) value_->clear();
}

void ListParser::end_entry(std::vector<db::ListedBounce>& out) {
  value_ = nullptr;
  std::string email = email_.take();
  if (email_.too_long()) {
    ++counts_.too_long;
  } else if (email.empty()) {
    ++counts_.without_email;
  } else {
    ++counts_.entries;
    db::ListedBounce& bounce = out.emplace_back();
    bounce.email = std::move(email);
    bounce.status = status_.take();
    bounce.reason = reason_.take();
    std::string created = created_.take();
    if (times_ == Times::instants) {
      if (const auto moment = instant(created)) bounce.created.emplace<db::Instant>(*moment);
    } else if (auto local = local_time(std::move(created))) {
      bounce.created.emplace<db::LocalTime>(*std::move(local));
    }
  }
}

bool ListParser::fail(std::uint64_t position, std::string_view why) {
  if (error_.empty()) error_ = "at byte " + std::to_string(position) + ": " + std::string(why);
  return false;
}

}  // namespace bounced::api
