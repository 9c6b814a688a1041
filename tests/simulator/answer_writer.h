// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/simulator/behaviour.h"
#include "tests/simulator/document.h"
#include "tests/simulator/record.h"
#include "tests/simulator/transport.h"

namespace bounced::simulator {

// A body as it goes over the wire, without framing: the document, cut and compressed as the answer says.
class EncodedBody {
 public:
  EncodedBody(Document document, const Answer& answer, bool gzip);
  ~EncodedBody();
  EncodedBody(const EncodedBody&) = delete;
  EncodedBody& operator=(const EncodedBody&) = delete;
  // Appends the next piece, and says whether there is more.
  bool next(std::string& out);

 private:
  struct Deflate;
  Document document_;
  std::uint64_t left_;  // of the document, before it is cut
  Gzip gzip_;
  std::unique_ptr<Deflate> deflate_;  // null: as it is
  std::string piece_;
};

// Sends one answer, and misbehaves on the way as it says.
class AnswerWriter {
 public:
  AnswerWriter(Transport& transport, Record& record, const Behaviour& behaviour, const Answer& answer)
      : transport_(transport),
        record_(record),
        behaviour_(behaviour),
        answer_(answer),
        releases_(behaviour.releases()) {}

  // The head lacks the header of the framing and the blank line. Throws Gone.
  void send(std::string head, Framing framing, EncodedBody& body);
  void send_head(std::string head);
  void hold();
  [[nodiscard]] std::uint64_t body_bytes() const { return sent_; }  // that were sent

 private:
  [[nodiscard]] std::uint64_t position() const { return sent_ + unsent_; }
  bool put(std::string_view piece);  // false when the body is to be cut here
  bool pass();
  void end_chunk();
  void flush();
  [[noreturn]] void send_for_ever(std::string beginning, std::string_view piece);

  Transport& transport_;
  Record& record_;
  const Behaviour& behaviour_;
  const Answer& answer_;
  const std::uint64_t releases_;  // before this answer
  bool chunked_ = false;
  bool held_ = false;
  bool dripped_ = false;
  std::string chunk_;         // not full yet
  std::string out_;           // framed, not sent yet
  std::uint64_t sent_ = 0;    // bytes of the body
  std::uint64_t unsent_ = 0;  // and those that wait in chunk_ and out_
};

}  // namespace bounced::simulator
