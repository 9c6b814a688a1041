// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/misbehaviour.h"

#include <string>

#include "tests/simulator/document.h"

namespace bounced::simulator {
namespace {

Answer refused(const Call& call, int status, const std::string& v2_words, const std::string& v3_words) {
  if (!call.is_v3()) return {.status = status, .body = error(status, v2_words, call.format == "xml")};
  return {.status = status,
          .body = "{\"errors\":[{\"field\":null,\"message\":\"" + v3_words + "\"}]}",
          .content_type = "application/json"};
}

}  // namespace

Answer foreign_page(int status) {
  Answer answer{.status = status,
                .body = "<!DOCTYPE html><html><head><title>" + std::to_string(status) +
                        "</title></head><body><h1>Request blocked</h1><p>Your request was blocked by a security "
                        "policy. Incident 8731-22.</p></body></html>\n",
                .content_type = "text/html; charset=utf-8"};
  if (status >= 300 && status < 400) answer.headers = {{"Location", "https://login.example.net/?back=1"}};
  return answer;
}

Answer too_many_requests(const Call& call, std::optional<std::chrono::seconds> retry_after) {
  Answer answer = refused(call, 429, "Too many requests", "too many requests");
  if (retry_after) answer.headers = {{"Retry-After", std::to_string(retry_after->count())}};
  return answer;
}

Answer wrong_credentials(const Call& call) {
  return refused(call, 401, "Permission denied, wrong credentials",
                 "The provided authorization grant is invalid, expired, or revoked");
}

Answer forbidden(const Call& call) {
  return refused(call, 403, "Permission denied, not authorized", "access forbidden");
}

}  // namespace bounced::simulator
