// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/classify.h"

#include <array>

#include "sync/api/parse/lower.h"
#include "sync/api/parse/presentable.h"
#include "sync/api/parse/words.h"

namespace bounced::api {
namespace {

using Kind = Fault::Kind;
using Origin = Fault::Origin;

// What the API is known to say, in lower case. The words count more than the status: these errors come with any.
std::optional<Kind> kind_by_words(const std::string& text) {
  struct Phrase {
    std::string_view words;
    Kind kind;
  };
  constexpr std::array<Phrase, 9> phrases{{{"wrong credentials", Kind::credentials},
                                           {"bad username", Kind::credentials},
                                           {"invalid username", Kind::credentials},
                                           {"authorization required", Kind::credentials},
                                           {"authorization grant is invalid", Kind::credentials},
                                           {"not authorized", Kind::not_permitted},
                                           {"access forbidden", Kind::not_permitted},
                                           {"too many requests", Kind::rate_limited},
                                           {"rate limit", Kind::rate_limited}}};
  const std::string lowered = lower(text);
  for (const Phrase& phrase : phrases) {
    if (lowered.find(phrase.words) != lowered.npos) return phrase.kind;
  }
  return std::nullopt;
}

// The API's errors have one of its documented shapes, and words in them. It never redirects.
Origin origin_of(const Answer& answer, const Words& words) {
  const bool redirect = answer.status >= 300 && answer.status < 400;
  const bool in_its_way = answer.api == config::Api::v2 || words.in_errors;
  const bool says_something = words.shape == Words::Shape::message && !words.text.empty() && in_its_way;
  return says_something && !redirect ? Origin::api : Origin::between;
}

Kind kind_of(const Answer& answer, const Words& words) {
  const int status = answer.status;
  const bool by_api = origin_of(answer, words) == Origin::api;
  if (status >= 300 && status < 400) return Kind::unavailable;
  if (status == 429) return Kind::rate_limited;
  const auto kind = kind_by_words(words.text);
  // The title of a proxy's page may be "Access forbidden": it says nothing about the customer.
  if (kind && (by_api || *kind != Kind::not_permitted)) return *kind;
  if (status == 401) return Kind::credentials;
  if (status >= 400 && !by_api) return Kind::unavailable;
  if (status == 403) return Kind::not_permitted;
  // 407 is a proxy's own; 408 and 425 ask for another try.
  if (status >= 500 || status == 407 || status == 408 || status == 425) return Kind::unavailable;
  if (status >= 400) return Kind::refused;
  if (words.shape == Words::Shape::page) return Kind::unavailable;
  const bool success = words.text == "success";  // of a deletion: where one was asked for, it is no fault
  return words.shape == Words::Shape::message && !words.text.empty() && !success ? Kind::refused : Kind::not_understood;
}

// The scheme and host of a URL: what follows may repeat our query.
std::string_view host_of(std::string_view location) {
  const auto scheme = location.find("://");
  if (scheme == location.npos) return "a path of the same host";
  const auto end = location.find_first_of("/?#", scheme + 3);
  const auto user = location.substr(0, end).rfind('@');
  return user == location.npos ? location.substr(0, end) : "an address with a user in it";
}

std::string what_happened(const Answer& answer, const Words& words, Kind kind) {
  if (!answer.location.empty() && answer.status >= 300 && answer.status < 400) {
    return "a redirect to " + std::string(host_of(answer.location)) +
           " is not followed, because it would carry the key elsewhere";
  }
  if (kind == Kind::not_understood && !answer.not_a_list.empty() && words.text.empty() &&
      words.shape != Words::Shape::nothing) {
    return "the answer is not understood, " + answer.not_a_list;
  }
  if (kind == Kind::credentials) return "the user or the key of the account is wrong";
  if (kind == Kind::not_permitted) return "the account has no right to this";
  if (kind == Kind::rate_limited) return "too many requests";
  if (words.shape == Words::Shape::nothing) return "the answer is empty";
  if (words.shape == Words::Shape::page) return "a page instead of an answer";
  if (kind == Kind::unavailable && answer.status < 500) return "not an answer of the API";
  if (kind == Kind::unavailable) return "the server is in trouble";
  if (kind == Kind::refused) return "refused";
  return "an answer that is neither a list nor a known error";
}

}  // namespace

Fault classify(const Answer& answer, std::string_view secret) {
  const Words words = read_words(std::string_view(answer.body).substr(0, classified_bytes));
  const Kind kind = kind_of(answer, words);
  Fault fault{kind, {}, {}, answer.status, origin_of(answer, words)};
  // A Location is foreign text too.
  fault.message =
      "HTTP " + std::to_string(answer.status) + ": " + presentable(what_happened(answer, words, kind), secret);
  const std::string quoted = presentable(words.text, secret);
  if (!quoted.empty()) fault.message += ": \"" + quoted + '"';
  if (kind == Kind::rate_limited || kind == Kind::unavailable) fault.retry_after = answer.retry_after;
  return fault;
}

}  // namespace bounced::api
