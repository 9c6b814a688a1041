// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/presentable.h"

#include "sync/api/parse/mask.h"
#include "sync/api/parse/storable.h"
#include "sync/api/parse/utf8.h"

namespace bounced::api {
namespace {

// Also without what stays when blanks are folded, but a terminal obeys or does not show. Control characters become
// blanks; what has no width goes away, since it may stand within the secret.
std::string clean(std::string_view text) {
  const std::string folded = storable(text, text.size() * replacement.size());
  std::string cleaned;
  cleaned.reserve(folded.size());
  for (std::string_view rest = folded; !rest.empty();) {
    const Utf8Step step = read_utf8(rest);
    if (!is_hidden(step.code)) {
      cleaned += rest.substr(0, step.length);
    } else if (step.code < 0xA0) {
      cleaned += ' ';
    }
    rest.remove_prefix(step.length);
  }
  return cleaned;
}

}  // namespace

std::string presentable(std::string_view text, std::string_view secret) {
  constexpr std::size_t limit = 500;
  // Far more than can be shown, also where escapes or blanks fill it.
  constexpr std::size_t looked_at = 16 * 1024;
  // What is dropped when it is cleaned may have stood within the secret.
  return storable(mask(clean(text.substr(0, looked_at)), secret), limit);
}

}  // namespace bounced::api
