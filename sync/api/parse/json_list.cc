// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

#include "sync/api/parse/list_parser.h"
#include "sync/api/parse/mend.h"

namespace bounced::api {
namespace {

namespace json = boost::json;

class JsonListParser;

// What Boost.JSON's parser calls. Depth 0 is the document, 1 the list, 2 an entry, 3 and more what is nested in it.
class Handler {
 public:
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

  explicit Handler(JsonListParser& list) : list_(list) {}

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code& error);
  bool on_array_end(std::size_t, json::error_code&);
  bool on_object_begin(json::error_code& error);
  bool on_object_end(std::size_t, json::error_code&);
  bool on_key_part(json::string_view part, std::size_t, json::error_code&);
  bool on_key(json::string_view part, std::size_t, json::error_code&);
  bool on_string_part(json::string_view part, std::size_t, json::error_code& error) { return scalar(part, error); }
  bool on_string(json::string_view part, std::size_t, json::error_code& error) { return scalar(part, error); }
  bool on_number_part(json::string_view part, json::error_code& error) { return scalar(part, error); }
  bool on_int64(std::int64_t, json::string_view part, json::error_code& error) { return scalar(part, error); }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code& error) { return scalar(part, error); }
  bool on_double(double, json::string_view part, json::error_code& error) { return scalar(part, error); }
  bool on_bool(bool value, json::error_code& error) { return scalar(value ? "true" : "false", error); }
  bool on_null(json::error_code& error) { return scalar("", error); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  bool scalar(json::string_view part, json::error_code& error);
  bool misplaced(json::error_code& error);

  JsonListParser& list_;
  std::size_t depth_ = 0;
  std::string key_;
};

class JsonListParser final : public ListParser {
 public:
  JsonListParser() : parser_(options(), *this) {}

 private:
  friend Handler;

  static json::parse_options options() {
    json::parse_options options;
    options.max_depth = max_depth;
    options.allow_invalid_utf8 = true;
    return options;
  }

  bool parse(std::string_view piece, bool last, std::vector<db::ListedBounce>& out) override {
    out_ = &out;
    const std::string_view text = mender_.mend(piece, last);
    std::size_t used = 0;
    json::error_code error;
    if (!parser_.done()) {
      used = parser_.write_some(!last, text.data(), text.size(), error);
    }
    const auto stray = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(used), text.end(),
                                    [](char byte) { return byte != ' '; });  // other blanks have become this one
    if (!error && stray != text.end()) {
      used = static_cast<std::size_t>(stray - text.begin());
      return fail(position_ + used, "something follows the list");
    }
    if (error == json::error::not_array) return fail(position_ + used, "not a list of bounces");
    if (error) return fail(position_ + used, error.message());
    position_ += text.size();
    return true;
  }

  JsonMender mender_;
  json::basic_parser<Handler> parser_;
  std::uint64_t position_ = 0;  // in the document, of the piece
  std::vector<db::ListedBounce>* out_ = nullptr;
};

bool Handler::on_array_begin(json::error_code& error) {
  if (depth_ == 0) list_.is_list_ = true;
  if (depth_ == 1) return misplaced(error);
  ++depth_;
  list_.end_value();  // what a nested value holds is nobody's text
  return true;
}

bool Handler::on_array_end(std::size_t, json::error_code&) {
  --depth_;
  return true;
}

bool Handler::on_object_begin(json::error_code& error) {
  if (depth_ == 0) return misplaced(error);
  if (depth_ == 1) list_.begin_entry();
  ++depth_;
  list_.end_value();
  return true;
}

bool Handler::on_object_end(std::size_t, json::error_code&) {
  if (--depth_ == 1) list_.end_entry(*list_.out_);
  return true;
}

bool Handler::on_key_part(json::string_view part, std::size_t, json::error_code&) {
  constexpr std::size_t longest = 16;  // longer than any that we know
  if (depth_ == 2 && key_.size() < longest) key_.append(part.data(), std::min(part.size(), longest));
  return true;
}

bool Handler::on_key(json::string_view part, std::size_t size, json::error_code& error) {
  on_key_part(part, size, error);
  if (depth_ == 2) list_.begin_value(key_);
  key_.clear();
  return true;
}

bool Handler::scalar(json::string_view part, json::error_code& error) {
  if (depth_ < 2) return misplaced(error);
  list_.text({part.data(), part.size()});
  return true;
}

// The document is no list, or what stands in it is no entry.
bool Handler::misplaced(json::error_code& error) {
  error = json::error::not_array;
  return false;
}

}  // namespace

std::unique_ptr<ListParser> make_json_list_parser() {
  return std::make_unique<JsonListParser>();
}

}  // namespace bounced::api
