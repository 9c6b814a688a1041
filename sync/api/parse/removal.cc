// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/removal.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "sync/api/parse/storable.h"
#include "sync/api/parse/words.h"

namespace bounced::api {

std::optional<Removed> read_removal(int http_status, std::string_view body) {
  const Words words = read_words(body);
  if (words.shape != Words::Shape::message) return std::nullopt;
  std::string text = storable(words.text, words.text.size());
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  if (text.ends_with('.')) text.pop_back();
  const bool fine = http_status >= 200 && http_status < 300;
  if (fine && text == "success") return Removed::deleted;
  // It was recorded with 200; other errors of this API come with 4xx as well.
  if ((fine || http_status == 400 || http_status == 404) && text == "email does not exist") return Removed::not_listed;
  return std::nullopt;
}

}  // namespace bounced::api
