// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/document.h"

#include <utility>

namespace bounced::simulator {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::string_view xml_declaration = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n";

void append_key(std::string& out, std::string_view key, const std::optional<std::string>& value) {
  if (!value) return;
  if (out.back() != '{') out += ", ";
  out.append("\"").append(key).append("\": \"").append(*value).append("\"");
}

void append_json(std::string& out, const Bounce& bounce, bool email_first) {
  out += '{';
  if (email_first) append_key(out, "email", bounce.email);
  append_key(out, "status", bounce.status);
  append_key(out, "created", bounce.created);
  append_key(out, "reason", bounce.reason);
  if (!email_first) append_key(out, "email", bounce.email);
  out += '}';
}

// At the first blank after 40 characters of a line, as a wrapped mail header.
std::string wrapped(std::string_view text) {
  std::string out = "\n      ";
  std::size_t column = 0;
  for (const char c : text) {
    const bool fold = c == ' ' && column >= 40;
    fold ? out += "\n      " : out += c;
    column = fold ? 0 : column + 1;
  }
  return out += "\n    ";
}

void append_tag(std::string& out, std::string_view tag, const std::optional<std::string>& value, bool wrap) {
  if (!value) return;
  out.append("    <").append(tag).append(">");
  wrap ? out += wrapped(*value) : out += *value;
  out.append("</").append(tag).append(">\n");
}

void append_xml(std::string& out, const Bounce& bounce, bool wrap) {
  out += "\n  <bounce>\n";
  append_tag(out, "email", bounce.email, wrap);
  append_tag(out, "status", bounce.status, wrap);
  append_tag(out, "reason", bounce.reason, wrap);
  append_tag(out, "created", bounce.created, wrap);
  out += "  </bounce>";
}

class ListDocument {
 public:
  ListDocument(std::shared_ptr<const Lists::Snapshot> list, ListQuery query)
      : list_(std::move(list)),
        query_(std::move(query)),
        text_(query_.xml                       ? Text::xml
              : (*list_)->style.escape_unicode ? Text::json_ascii
                                               : Text::json) {}

  bool operator()(std::string& out) {
    const BounceList& list = **list_;
    const Style& style = list.style;
    const bool begins = place_ == 0;
    if (begins && query_.xml && style.xml_declaration) out += xml_declaration;
    if (begins && query_.xml && style.xml_empty_tag && list.size() == 0) {
      out += "<bounces/>";
      return false;
    }
    if (begins) out += query_.xml ? "<bounces>" : "[";
    for (; place_ < list.places() && out.size() < piece_bytes; ++place_) {
      if (!list.write(place_, text_, bounce_) || !asked_for(bounce_.created)) continue;
      if (!query_.with_created) bounce_.created.reset();
      const bool first = !std::exchange(listed_, true);
      if (query_.xml) {
        append_xml(out, bounce_, style.wrap);
      } else {
        if (!first) out += ',';
        append_json(out, bounce_, style.email_first);
      }
    }
    if (place_ < list.places()) return true;
    out += !query_.xml ? "]" : listed_ ? "\n</bounces>" : "</bounces>";
    return false;
  }

 private:
  [[nodiscard]] bool asked_for(const std::optional<std::string>& created) const {
    if (query_.since.empty() && query_.until.empty()) return true;
    if (!created) return false;
    const std::string_view day = std::string_view(*created).substr(0, 10);
    return (query_.since.empty() || day >= query_.since) && (query_.until.empty() || day <= query_.until);
  }

  std::shared_ptr<const Lists::Snapshot> list_;
  ListQuery query_;
  Text text_;
  std::uint64_t place_ = 0;
  bool listed_ = false;  // an entry at least
  Bounce bounce_;
};

}  // namespace

Document list_document(std::shared_ptr<const Lists::Snapshot> list, ListQuery query) {
  return ListDocument(std::move(list), std::move(query));
}

Document packed_document(std::shared_ptr<const std::string> bytes) {
  return [bytes = std::move(bytes), place = std::size_t{0}](std::string& out) mutable {
    constexpr std::size_t piece = 64 * 1024;
    out.append(*bytes, place, piece);
    place += std::min(piece, bytes->size() - place);
    return place < bytes->size();
  };
}

Document text_document(std::string text) {
  return [text = std::move(text)](std::string& out) {
    out += text;
    return false;
  };
}

std::string message(std::string_view text, bool xml) {
  if (!xml) return "{\"message\":\"" + escaped(text, Text::json) + "\"}";
  return std::string(xml_declaration) + "<result><message>" + escaped(text, Text::xml) + "</message></result>";
}

std::string error(int code, std::string_view text, bool xml) {
  if (!xml) {
    return "{\"error\":{\"code\":" + std::to_string(code) + ",\"message\":\"" + escaped(text, Text::json) + "\"}}";
  }
  return std::string(xml_declaration) + "<result><message>error</message><errors><error>" + escaped(text, Text::xml) +
         "</error></errors></result>";
}

}  // namespace bounced::simulator
