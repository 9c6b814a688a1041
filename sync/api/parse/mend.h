// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

// What stands before the parsers: mends what real answers contain and parsers refuse, in pieces of any size. What is
// broken beyond that passes unchanged, and the parser refuses it.
namespace bounced::api {

// A byte-order mark and control bytes become blanks, lone surrogate escapes \ufffd. What comes out is as long as what
// goes in, so that positions are those of the document. Invalid UTF-8 passes: the parser allows it.
class JsonMender {
 public:
  // The result is valid until the next call. last: no more follows.
  std::string_view mend(std::string_view piece, bool last);

 private:
  bool started_ = false;
  std::string held_;    // what cannot be judged before more is there
  std::string mended_;  // what was given out last
};

// A byte-order mark and blanks before the document are dropped, control bytes become blanks, references to characters
// that XML lacks become what the same characters become elsewhere, and bytes that are no UTF-8 are read as Latin-1
// where the declaration says ISO-8859-1, else become U+FFFD. What comes out is UTF-8, whatever the declaration says.
class XmlMender {
 public:
  std::string_view mend(std::string_view piece, bool last);

 private:
  bool read_start(std::string_view& rest, bool last);
  bool mend_reference(std::string_view& rest, bool last);
  bool mend_char(std::string_view& rest, bool last);

  bool started_ = false;
  bool latin1_ = false;
  std::string held_;
  std::string mended_;
};

}  // namespace bounced::api
