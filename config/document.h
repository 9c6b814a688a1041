// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

namespace bounced::config {

// A node of a YAML document.
struct Node {
  enum class Kind { null, scalar, list, mapping };

  // A pair of a mapping, or an item of a list, which has no key. The line is that of the key or item, since an aliased
  // node itself may stand elsewhere.
  struct Entry {
    std::string key;
    int line = 0;
    const Node* value = nullptr;
  };

  Kind kind = Kind::null;
  std::string text;            // of a scalar
  std::vector<Entry> entries;  // of a list or mapping, as written: a key may occur more than once
};

class SyntaxError : public std::runtime_error {
 public:
  SyntaxError(int line, const std::string& message) : std::runtime_error(message), line_(line) {}

  [[nodiscard]] int line() const { return line_; }

 private:
  int line_;
};

// The first document of a YAML text, as a plain tree with lines that count from 1. Aliases share their anchor's node,
// so they cost nothing, and the tree can be a cycle: walk it only as deep as the known keys go.
class Document {
 public:
  // The text is UTF-8 without control characters (yaml-cpp takes some of them for the end). Throws SyntaxError, which
  // repeats nothing of the text.
  explicit Document(const std::string& text);
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  // Of kind null where the text is empty.
  [[nodiscard]] const Node& root() const { return root_ == nullptr ? empty_ : *root_; }
  // 0 where there is none.
  [[nodiscard]] int second_document_line() const { return second_document_line_; }

 private:
  class Builder;

  std::deque<Node> nodes_;
  Node empty_;
  const Node* root_ = nullptr;
  int second_document_line_ = 0;
};

}  // namespace bounced::config
