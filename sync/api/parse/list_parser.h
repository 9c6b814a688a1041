// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "db/listed_bounce.h"
#include "sync/api/parse/storable.h"

namespace bounced::api {

// Reads a list of bounces while it arrives. It mends what can be mended, makes text storable, and holds no more of the
// document than the entry that it is in.
class ListParser {
 public:
  struct Counts {
    std::uint64_t entries = 0;        // appended to out
    std::uint64_t without_email = 0;  // left out: missing, null or blank
    std::uint64_t too_long = 0;       // left out: an email of more than 1,000 bytes

    [[nodiscard]] std::uint64_t all() const { return entries + without_email + too_long; }
  };

  // What the entries' times are, by the API that they come from; others are none. A number in a list of local times
  // must not make instants of a customer's times.
  enum class Times { local, instants };

  virtual ~ListParser() = default;
  void expect(Times times) { times_ = times; }

  // Takes the next piece of the body, of any size, and appends the entries that end in it. False: this is no list, or a
  // broken one (see is_list() and error()), and no more need be written.
  bool write(std::string_view piece, std::vector<db::ListedBounce>& out) { return parse(piece, false, out); }
  // The body has ended. True: it was one whole list of bounces, with nothing but blanks behind it.
  bool finish(std::vector<db::ListedBounce>& out) { return parse({}, true, out); }

  [[nodiscard]] const Counts& counts() const { return counts_; }
  // Has a list begun? What is broken after that is a broken list; before, it is some other answer.
  [[nodiscard]] bool is_list() const { return is_list_; }
  // After false: why, and about where: "at byte N: …".
  [[nodiscard]] const std::string& error() const { return error_; }

 protected:
  virtual bool parse(std::string_view piece, bool last, std::vector<db::ListedBounce>& out) = 0;

  // The entry that is being read: begin_entry(), then for each value begin_value() and pieces of text for text(), then
  // end_entry().
  void begin_entry();
  void begin_value(std::string_view key);  // a repeated key starts anew: the last one counts
  void text(std::string_view piece) {
    if (value_ != nullptr) value_->append(piece);
  }
  void end_value() { value_ = nullptr; }
  void end_entry(std::vector<db::ListedBounce>& out);

  // Notes the first error. False, for return.
  bool fail(std::uint64_t position, std::string_view why);

  bool is_list_ = false;

 private:
  Times times_ = Times::local;
  Counts counts_;
  std::string error_;
  StorableText email_{StorableText::Blanks::keep, 1000};
  StorableText status_{StorableText::Blanks::fold, text_limit};
  StorableText reason_{StorableText::Blanks::fold, text_limit};
  StorableText created_{StorableText::Blanks::fold, 32};  // longer than any that can be read
  StorableText* value_ = nullptr;                         // where text goes; null: nowhere

  static constexpr std::size_t text_limit = 16 * 1024;
};

std::unique_ptr<ListParser> make_json_list_parser();
std::unique_ptr<ListParser> make_xml_list_parser();
inline std::unique_ptr<ListParser> make_list_parser(config::Format format,
                                                    ListParser::Times times = ListParser::Times::local) {
  auto parser = format == config::Format::json ? make_json_list_parser() : make_xml_list_parser();
  parser->expect(times);
  return parser;
}

// Both parsers follow nested values to this depth and refuse what is deeper: each level costs memory, and in JSON some
// hundred bytes of stack.
inline constexpr std::size_t max_depth = 512;

}  // namespace bounced::api
