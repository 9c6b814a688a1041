// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "classify/classifier.h"
#include "config/load.h"

// Whatever a mail server says has a class, and folds to a short text that folds to itself. As rules of one's own, the
// bytes are rules or told to be wrong.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bounced::classify::Classifier classifier;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t status = text.size() < 5 ? text.size() : 5;
  const auto verdict = classifier.why(text.substr(0, status), text);
  if (verdict.bounce_class != classifier.classify(text.substr(0, status), text)) std::abort();
  const std::string folded = bounced::classify::fold_reason(text);
  if (folded.size() > bounced::classify::longest_folded_reason) std::abort();
  if (bounced::classify::fold_reason(folded) != folded) std::abort();
  if (text.starts_with("rules:")) {
    try {
      const bounced::classify::Classifier own(text, "own");
      static_cast<void>(own.classify("", text));
    } catch (const bounced::config::Invalid&) {
      return 0;
    }
  }
  return 0;
}
