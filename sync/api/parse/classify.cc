// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/classify.h"

#include <array>

#include "sync/api/parse/lower.h"
#include "sync/api/parse/presentable.h"
#include "sync/api/parse/words.h"

namespace bounced::api {
namespace {

using Kind = Fault::Kind;

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

Kind kind_of(const Answer& answer, const Words& words) {
  const int status = answer.status;
  if (status >= 300 && status < 400) return Kind::refused;
  if (status == 429) return Kind::rate_limited;
  if (const auto kind = kind_by_words(words.text)) return *kind;
  if (status == 401) return Kind::credentials;
  if (status == 403) return Kind::not_permitted;
  // 407 is a proxy's own; 408 and 425 ask for another try.
  if (status >= 500 || status == 407 || status == 408 || status == 425) return Kind::unavailable;
  if (status >= 400) return Kind::refused;
  if (words.shape == Words::Shape::page) return Kind::unavailable;
  const bool success = words.text == "success";  // of a deletion: where one was asked for, it is no fault
  return words.shape == Words::Shape::message && !words.text.empty() && !success ? Kind::refused : Kind::not_understood;
}

// The scheme and host of a URL: what follows may repeat our query.
std::string_view origin_of(std::string_view location) {
  const auto scheme = location.find("://");
  if (scheme == location.npos) return "a path of the same host";
  const auto end = location.find_first_of("/?#", scheme + 3);
  const auto user = location.substr(0, end).rfind('@');
  return user == location.npos ? location.substr(0, end) : "an address with a user in it";
}

std::string what_happened(const Answer& answer, const Words& words, Kind kind) {
  if (!answer.location.empty() && answer.status >= 300 && answer.status < 400) {
    return "a redirect to " + std::string(origin_of(answer.location)) +
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
  if (kind == Kind::unavailable) return "the server is in trouble";
  if (kind == Kind::refused) return "refused";
  return "an answer that is neither a list nor a known error";
}

}  // namespace

Fault classify(const Answer& answer, std::string_view secret) {
  const Words words = read_words(std::string_view(answer.body).substr(0, classified_bytes));
  const Kind kind = kind_of(answer, words);
  Fault fault{kind, {}, {}, answer.status};
  // A Location is foreign text too.
  fault.message =
      "HTTP " + std::to_string(answer.status) + ": " + presentable(what_happened(answer, words, kind), secret);
  const std::string quoted = presentable(words.text, secret);
  if (!quoted.empty()) fault.message += ": \"" + quoted + '"';
  if (kind == Kind::rate_limited || kind == Kind::unavailable) fault.retry_after = answer.retry_after;
  return fault;
}

}  // namespace bounced::api
