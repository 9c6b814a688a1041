// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace bounced::classify {

// SendGrid's seven classes. The database stores the numbers, so they never change.
enum class BounceClass : std::int16_t {
  unclassified = 0,
  invalid_address = 1,
  mailbox_unavailable = 2,
  technical_failure = 3,
  content = 4,
  reputation = 5,
  frequency_or_volume = 6,
};

inline constexpr BounceClass all_classes[] = {
    BounceClass::unclassified,       BounceClass::invalid_address, BounceClass::mailbox_unavailable,
    BounceClass::technical_failure,  BounceClass::content,         BounceClass::reputation,
    BounceClass::frequency_or_volume};

// As SendGrid spells it: "Invalid Address".
std::string_view name_of(BounceClass bounce_class);

// One sentence for people: what the class means, and whether to send to the address again.
std::string_view explain(BounceClass bounce_class);

// Finds the class of a bounce from its status and reason, by rules: rules.yaml, which is built in, and the user's own.
// It never changes after construction: several threads may use one at once.
class Classifier {
 public:
  // The built-in rules alone.
  Classifier();
  // The user's rules in front of the built-in ones; docs/why.md describes them. `text` is the content of `file`, whose
  // name is only used in messages. Takes some 10 ms. Throws config::Invalid with all problems, each with its line and
  // remedy.
  Classifier(std::string_view text, const std::filesystem::path& file);
  ~Classifier();
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

  // `status` is the API's: "5.1.1", "550" or empty. Both may hold any bytes. The first 4,000 bytes of the reason count.
  [[nodiscard]] BounceClass classify(std::string_view status, std::string_view reason) const;

  // The class and what decided it. The texts live as long as the classifier.
  struct Verdict {
    BounceClass bounce_class = BounceClass::unclassified;
    std::string_view rule;    // the rule's name; empty where nothing matched
    std::string_view phrase;  // the phrase or code of it that matched, as the rules' file has it
    bool own = false;         // a rule of the user's
  };
  [[nodiscard]] Verdict why(std::string_view status, std::string_view reason) const;

  // Another number where a bounce may get another class: other rules, or another way to read the text.
  [[nodiscard]] std::int32_t fingerprint() const;
  // How many phrases and codes all rules have together.
  [[nodiscard]] std::size_t size() const;

 private:
  class Rules;
  std::unique_ptr<const Rules> rules_;
};

// The built-in rules alone: the same object each time.
const std::shared_ptr<const Classifier>& built_in();

// A folded reason has at most this many bytes.
inline constexpr std::size_t longest_folded_reason = 300;

// The reason with what differs from bounce to bounce replaced: <address>, <host>, <ip>, <url>, <id>, <number>, <time>.
// So bounces of the same cause have the same text. Valid UTF-8 of at most longest_folded_reason bytes; folding the
// result again changes nothing.
std::string fold_reason(std::string_view reason);

}  // namespace bounced::classify
