// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/presentable.h"

#include "sync/api/parse/mask.h"
#include "sync/api/parse/storable.h"
#include "sync/api/parse/utf8.h"

namespace bounced::api {
namespace {

// Also without the control characters that stay when blanks are folded: DEL, and C1, which is 0xC2 and another byte.
std::string clean(std::string_view text) {
  std::string folded = storable(text, text.size() * replacement.size());
  for (std::size_t index = 0; index < folded.size(); ++index) {
    const bool c1 = folded[index] == '\xC2' && static_cast<unsigned char>(folded[index + 1]) < 0xA0;
    if (c1) folded[index + 1] = ' ';
    if (c1 || folded[index] == '\x7F') folded[index] = ' ';
  }
  return folded;
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
