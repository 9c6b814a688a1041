// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/removal.h"

#include <string>

#include "sync/api/parse/lower.h"
#include "sync/api/parse/storable.h"
#include "sync/api/parse/words.h"

namespace bounced::api {

std::optional<Removed> read_removal(int http_status, std::string_view body) {
  const Words words = read_words(body);
  if (words.shape != Words::Shape::message) return std::nullopt;
  std::string text = lower(storable(words.text, words.text.size()));
  if (text.ends_with('.')) text.pop_back();
  const bool fine = http_status >= 200 && http_status < 300;
  if (fine && text == "success") return Removed::deleted;
  // It was recorded with 200; other errors of this API come with 4xx as well.
  if ((fine || http_status == 400 || http_status == 404) && text == "email does not exist") return Removed::not_listed;
  return std::nullopt;
}

}  // namespace bounced::api
