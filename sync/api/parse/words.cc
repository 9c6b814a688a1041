// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/words.h"

#include <expat.h>

#include <algorithm>
#include <array>
#include <boost/json/stream_parser.hpp>
#include <memory>
#include <new>
#include <optional>

#include "sync/api/parse/lower.h"
#include "sync/api/parse/mend.h"
#include "sync/api/parse/storable.h"

namespace bounced::api {
namespace {

namespace json = boost::json;

void add(std::string& text, std::string_view more) {
  if (more.empty()) return;
  if (!text.empty()) text += "; ";
  text += more;
}

// The texts of an error: of a string, of all in an array, of an object's message.
void add_error(std::string& text, const json::value& error) {
  if (const auto* string = error.if_string()) {
    add(text, {string->data(), string->size()});
  } else if (const auto* array = error.if_array()) {
    for (const json::value& each : *array) add_error(text, each);
  } else if (const auto* object = error.if_object()) {
    if (const auto* message = object->if_contains("message")) add_error(text, *message);
  }
}

std::optional<Words> read_json(std::string_view body) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  json::stream_parser parser({}, options);
  JsonMender mender;
  json::error_code error;
  const std::string_view mended = mender.mend(body, true);
  parser.write(mended.data(), mended.size(), error);
  if (!error) parser.finish(error);
  if (error) return std::nullopt;
  const json::value value = parser.release();
  const auto* object = value.if_object();
  if (object == nullptr) return std::nullopt;

  Words words{Words::Shape::message, {}};
  for (const char* key : {"error", "errors"}) {
    if (const auto* found = object->if_contains(key)) add_error(words.text, *found);
  }
  words.in_errors = !words.text.empty() && object->if_contains("errors") != nullptr;
  const auto* message = object->if_contains("message");
  if (words.text.empty() && message != nullptr) add_error(words.text, *message);
  return words;
}

// <result>TEXT</result>, <result><message>TEXT</message></result>, with or without <errors><error>TEXT…
class XmlWords {
 public:
  static std::optional<Words> read(std::string_view body) {
    XmlWords words;
    const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate("UTF-8"),
                                                                              &XML_ParserFree);
    if (parser == nullptr) throw std::bad_alloc();
    words.parser_ = parser.get();
    XML_SetUserData(parser.get(), &words);
    XML_SetElementHandler(
        parser.get(), [](void* self, const char* name, const char**) { of(self).begin_element(name); },
        [](void* self, const char* name) { of(self).end_element(name); });
    XML_SetCharacterDataHandler(parser.get(), [](void* self, const char* text, int size) {
      of(self).text_.append(text, static_cast<std::size_t>(size));
    });
    XML_SetStartDoctypeDeclHandler(parser.get(), [](void* self, const char*, const char*, const char*, int) {
      XML_StopParser(of(self).parser_, XML_FALSE);  // its entities could grow without end
    });
    XmlMender mender;
    const std::string_view mended = mender.mend(body, true);
    if (XML_Parse(parser.get(), mended.data(), static_cast<int>(mended.size()), XML_TRUE) != XML_STATUS_OK ||
        words.is_html_) {
      return std::nullopt;
    }
    return Words{words.is_api_ ? Words::Shape::message : Words::Shape::other, std::move(words.found_)};
  }

 private:
  static XmlWords& of(void* self) { return *static_cast<XmlWords*>(self); }

  void begin_element(std::string_view name) {
    if (!begun_) {
      is_html_ = lower(name) == "html";
      is_api_ = name == "result" || name == "error" || name == "errors";
    }
    begun_ = true;
    text_.clear();
  }

  void end_element(std::string_view name) {
    const std::string text = storable(text_, text_.size());
    text_.clear();
    const bool only_says_that = name == "message" && text == "error";  // what it is stands in <errors>
    if (name != "code" && name != "field" && name != "help" && !only_says_that) add(found_, text);
  }

  XML_Parser parser_ = nullptr;
  bool begun_ = false;
  std::string text_;
  std::string found_;
  bool is_html_ = false;
  bool is_api_ = false;
};

// Removes from text, which is as long as lowered, what stands between open and close.
std::string without(std::string_view text, std::string_view lowered, std::string_view open, std::string_view close) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t start; (start = lowered.find(open, at)) != lowered.npos;) {
    result.append(text.substr(at, start - at)).append(" ");
    const std::size_t end = lowered.find(close, start);
    at = end == lowered.npos ? text.size() : end + close.size();
  }
  return result.append(text.substr(at));
}

std::string without_entities(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 6> entities{
      {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}, {"&nbsp;", ' '}}};
  std::string result;
  while (!text.empty()) {
    const auto found = std::find_if(entities.begin(), entities.end(),
                                    [&](const auto& entity) { return text.starts_with(entity.first); });
    result += found == entities.end() ? text.front() : found->second;
    text.remove_prefix(found == entities.end() ? 1 : found->first.size());
  }
  return result;
}

// A page's title, or all its text where it has none.
std::optional<Words> read_page(std::string_view body) {
  const std::string lowered = lower(body);
  constexpr std::array<std::string_view, 8> signs{"<!doctype html", "<html", "<head", "<title",
                                                  "<body",          "<h1",   "<p>",   "<center"};
  const auto stands_in = [&](std::string_view sign) { return lowered.find(sign) != lowered.npos; };
  if (std::none_of(signs.begin(), signs.end(), stands_in)) return std::nullopt;

  std::string text;
  const std::size_t title = lowered.find("<title");
  const std::size_t start = title == lowered.npos ? title : lowered.find('>', title);
  if (start != lowered.npos) text = body.substr(start + 1, lowered.find("</title", start) - start - 1);
  if (storable(text, text.size()).empty()) {
    text = body;
    for (const auto& [open, close] : {std::pair("<script", "</script>"), {"<style", "</style>"}, {"<!--", "-->"}}) {
      text = without(text, lower(text), open, close);
    }
  }
  return Words{Words::Shape::page, without_entities(without(text, text, "<", ">"))};
}

}  // namespace

Words read_words(std::string_view body) {
  const auto is_space = [](char byte) { return static_cast<unsigned char>(byte) <= ' '; };
  std::string_view text = body.starts_with("\xEF\xBB\xBF") ? body.substr(3) : body;
  const auto start = std::find_if_not(text.begin(), text.end(), is_space);
  text.remove_prefix(static_cast<std::size_t>(start - text.begin()));
  if (text.empty()) return {Words::Shape::nothing, {}};

  std::optional<Words> words;
  if (text.front() == '{') words = read_json(text);
  if (text.front() == '<') words = XmlWords::read(text);
  if (text.front() == '<' && !words) words = read_page(text);
  if (words) return *std::move(words);
  // Binary bytes are no words.
  const bool plain = std::none_of(text.begin(), text.end(), [](char byte) {
    return static_cast<unsigned char>(byte) < ' ' && byte != '\t' && byte != '\n' && byte != '\r';
  });
  if (plain && text.front() != '{' && text.front() != '[' && text.front() != '<') {
    return {Words::Shape::page, std::string(text)};
  }
  return {Words::Shape::other, {}};
}

}  // namespace bounced::api
