// SPDX-License-Identifier: Apache-2.0
#include "config/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace bounced::config {
namespace {

// yaml-cpp counts lines and columns from 0.
int line_of(const YAML::Mark& mark) {
  return mark.line + 1;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

bool only_blanks(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool tab_indents(std::string_view line) {
  return line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

// yaml-cpp's words, without what they may repeat of the text: that could be a key or a password.
std::string cause(const YAML::Exception& error) {
  if (error.msg.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR)) {
    return "an alias without its anchor; a value that begins with * or & needs quotes";
  }
  if (error.msg.starts_with(YAML::ErrorMsg::UNKNOWN_TOKEN)) {
    return "a value cannot begin like that; one that begins with %, @ or ` needs quotes";
  }
  return error.msg.substr(0, error.msg.find(':'));
}

}  // namespace

// Makes the tree from yaml-cpp's events. Its own nodes would hide duplicate keys and the place of an alias.
class Document::Builder : public YAML::EventHandler {
 public:
  // Thrown at its start: nobody reads what it holds.
  struct SecondDocument {
    int line;
  };

  Builder(Document& document, const std::vector<std::string_view>& lines) : document_(document), lines_(lines) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (std::exchange(started_, true)) throw SecondDocument{line_of(mark)};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(Node::Kind::null, anchor), in_list() ? line_of_empty_item(mark) : line_of(mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(anchors_.at(anchor), line_of(mark)); }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& value) override {
    Node* node = make(Node::Kind::scalar, anchor);
    node->text = value;
    add(node, line_of(mark));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Node::Kind::mapping, mark, anchor);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  struct Key {
    std::string text;
    int line = 0;
  };
  struct Open {
    Node* node = nullptr;
    std::optional<Key> key;  // of a mapping, while its value is awaited
  };

  Node* make(Node::Kind kind, YAML::anchor_t anchor) {
    Node* node = &document_.nodes_.emplace_back();
    node->kind = kind;
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    return node;
  }

  void open(Node::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Node* node = make(kind, anchor);
    add(node, line_of(mark));
    open_.push_back({node, std::nullopt});
  }

  void add(const Node* node, int line) {
    if (open_.empty()) {
      document_.root_ = node;
      return;
    }
    Open& parent = open_.back();
    if (parent.node->kind == Node::Kind::list) {
      parent.node->entries.push_back({{}, line, node});
    } else if (parent.key) {
      parent.node->entries.push_back({std::move(parent.key->text), parent.key->line, node});
      parent.key.reset();
    } else if (node->kind == Node::Kind::scalar) {
      parent.key = Key{node->text, line};
    } else {
      throw SyntaxError(line, "a key must be a word");
    }
  }

  [[nodiscard]] bool in_list() const { return !open_.empty() && open_.back().node->kind == Node::Kind::list; }

  // yaml-cpp marks an item of which there is only the dash with what follows. Its dash is in the last line above that
  // with more than a comment.
  [[nodiscard]] int line_of_empty_item(const YAML::Mark& mark) const {
    std::size_t line = static_cast<std::size_t>(mark.line);
    if (line < lines_.size()) {
      const auto column = static_cast<std::size_t>(mark.column);
      const std::string_view text = lines_[line];
      const bool is_dash = column < text.size() && text[column] == '-';
      if (!is_dash && !only_blanks(text.substr(0, column))) return line_of(mark);
    }
    line = std::min(line, lines_.size());
    while (line > 1 &&
           (only_blanks(lines_[line - 1]) || lines_[line - 1].find_first_not_of(" \t") == lines_[line - 1].find('#'))) {
      --line;
    }
    return static_cast<int>(line);
  }

  Document& document_;
  const std::vector<std::string_view>& lines_;
  std::unordered_map<YAML::anchor_t, Node*> anchors_;
  std::vector<Open> open_;
  bool started_ = false;
};

Document::Document(const std::string& text) {
  const std::vector<std::string_view> lines = split_lines(text);
  std::istringstream stream(text);
  try {
    YAML::Parser parser(stream);
    Builder builder(*this, lines);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Builder::SecondDocument& second) {
    second_document_line_ = second.line;
  } catch (const YAML::Exception& error) {
    const auto index = static_cast<std::size_t>(std::max(error.mark.line, 0));
    const bool tab = index < lines.size() && tab_indents(lines[index]);
    throw SyntaxError(line_of(error.mark), tab ? "a tab cannot indent; use blanks" : cause(error));
  }
}

}  // namespace bounced::config
