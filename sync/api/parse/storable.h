// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "db/listed_bounce.h"

namespace bounced::api {

// Makes text storable while it arrives in pieces of any size: invalid UTF-8 becomes U+FFFD, NUL is dropped, blanks at
// the ends are trimmed. Memory is bounded by the limit, however long the text is.
class StorableText {
 public:
  enum class Blanks {
    fold,  // a run of blanks becomes one space; what is beyond the limit is cut off at a character border
    keep,  // blanks within the text stay as they are; what is beyond the limit makes it too long
  };

  StorableText(Blanks blanks, std::size_t limit) : blanks_(blanks), limit_(limit) {}

  void append(std::string_view piece);
  // Ends the text and gives it away. Call clear() before the next one.
  std::string take();
  void clear();
  [[nodiscard]] bool too_long() const { return full_; }

 private:
  std::string_view consume(std::string_view bytes);
  void add_run(std::string_view plain);
  void add_char(std::string_view bytes, bool blank);
  void add(std::string_view bytes);

  Blanks blanks_;
  std::size_t limit_;
  std::string text_;
  std::string cut_;            // the first bytes of a character whose others come with the next piece
  std::size_t end_ = 0;        // of the last character that is no blank
  bool blank_before_ = false;  // fold: the next character stands after a space; keep: blanks did not fit
  bool full_ = false;
};

// The whole of a text that is there at once, folded.
std::string storable(std::string_view text, std::size_t limit);

// "YYYY-MM-DD HH:MM:SS", if that is what it is and the calendar has that day.
std::optional<db::LocalTime> local_time(std::string text);

// A moment between 1970 and the end of the year 9999, in whole seconds: unix seconds as a number, with a fraction or an
// exponent perhaps; or a date and time of ISO 8601 with its offset, as "2026-05-06T07:08:09Z".
std::optional<db::Instant> instant(std::string_view text);

}  // namespace bounced::api
