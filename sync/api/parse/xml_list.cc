// SPDX-License-Identifier: Apache-2.0
#include <expat.h>

#include <algorithm>
#include <new>

#include "sync/api/parse/list_parser.h"
#include "sync/api/parse/mend.h"

namespace bounced::api {
namespace {

// Expat deprecates the function that Debian 12 has for one that it lacks.
std::int64_t byte_index(XML_Parser parser) {
#if XML_MAJOR_VERSION * 10000 + XML_MINOR_VERSION * 100 + XML_MICRO_VERSION >= 20900
  return XML_GetCurrentByteIndex64(parser);
#else
  return XML_GetCurrentByteIndex(parser);
#endif
}

struct FreeParser {
  void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};

// Depth 0 is the document, 1 <bounces>, 2 <bounce>, 3 one of its values, 4 and more what is nested in it.
class XmlListParser final : public ListParser {
 public:
  // The mender makes UTF-8 of everything; with the encoding given here, Expat does not look at the declaration's.
  XmlListParser() : parser_(XML_ParserCreate("UTF-8")) {
    if (parser_ == nullptr) throw std::bad_alloc();
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(
        parser_.get(), [](void* self, const char* name, const char**) { of(self).begin_element(name); },
        [](void* self, const char*) { of(self).end_element(); });
    XML_SetCharacterDataHandler(parser_.get(), [](void* self, const char* text, int size) {
      of(self).characters({text, static_cast<std::size_t>(size)});
    });
    XML_SetCommentHandler(parser_.get(), [](void* self, const char*) { of(self).aside(); });
    XML_SetProcessingInstructionHandler(parser_.get(), [](void* self, const char*, const char*) { of(self).aside(); });
    XML_SetStartDoctypeDeclHandler(parser_.get(), [](void* self, const char*, const char*, const char*, int) {
      of(self).stop("a DOCTYPE is refused");
    });
  }

 private:
  // The parser that a handler was called for; and where, which Expat tells only during the call.
  static XmlListParser& of(void* user_data) {
    auto& self = *static_cast<XmlListParser*>(user_data);
    self.event_ = self.position();
    return self;
  }

  bool parse(std::string_view piece, bool last, std::vector<db::ListedBounce>& out) override {
    out_ = &out;
    if (!error().empty()) return false;
    std::string_view text = mender_.mend(piece, last);
    // Expat counts in int, and what a token needs is looked at between portions.
    constexpr std::size_t portion = 64 * 1024;
    do {
      const std::string_view part = text.substr(0, portion);
      text.remove_prefix(part.size());
      const bool ends = last && text.empty();
      if (XML_Parse(parser_.get(), part.data(), static_cast<int>(part.size()), ends) != XML_STATUS_OK) {
        return fail(position(), XML_ErrorString(XML_GetErrorCode(parser_.get())));
      }
      written_ += part.size();
      // Expat keeps what it has of a token until it is whole, and looks at all of it again with each portion.
      constexpr std::uint64_t longest_token = 256 * 1024;
      if (written_ - event_ > longest_token) return fail(event_, "a tag or comment without end");
    } while (!text.empty());
    return true;
  }

  void begin_element(std::string_view name) {
    if (depth_ == 0) is_list_ = name == "bounces";
    if (!is_list_ || (depth_ == 1 && name != "bounce")) return stop("not a list of bounces");
    if (depth_ == max_depth) return stop("nested too deep");
    ++depth_;
    if (depth_ == 2) begin_entry();
    if (depth_ == 3) begin_value(name);
  }

  void end_element() {
    if (!error().empty()) return;  // Expat still tells the end of an empty element that it was stopped at
    --depth_;
    if (depth_ == 2) end_value();
    if (depth_ == 1) end_entry(*out_);
  }

  void characters(std::string_view text_piece) {
    if (depth_ == 3) text(text_piece);
    const auto is_space = [](char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; };
    if (depth_ == 1 && !std::all_of(text_piece.begin(), text_piece.end(), is_space)) stop("text between the bounces");
  }

  // A comment or an instruction, which may stand anywhere.
  void aside() {}

  void stop(std::string_view why) {
    fail(event_, why);
    XML_StopParser(parser_.get(), XML_FALSE);
  }

  // Of what is being parsed, in the mended text, which is that of the document where nothing had to be mended.
  std::uint64_t position() { return static_cast<std::uint64_t>(std::max<std::int64_t>(byte_index(parser_.get()), 0)); }

  XmlMender mender_;
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, FreeParser> parser_;
  std::uint64_t written_ = 0;
  std::uint64_t event_ = 0;  // where the last thing stands that Expat told of
  std::size_t depth_ = 0;
  std::vector<db::ListedBounce>* out_ = nullptr;
};

}  // namespace

std::unique_ptr<ListParser> make_xml_list_parser() {
  return std::make_unique<XmlListParser>();
}

}  // namespace bounced::api
