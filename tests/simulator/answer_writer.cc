// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/answer_writer.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

namespace bounced::simulator {
namespace {

// What is sent at once.
constexpr std::size_t flush_bytes = 64 * 1024;
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

}  // namespace

// By ISA-L, since zlib's best speed is slower than the daemon reads.
struct EncodedBody::Deflate {
  isal_zstream stream{};
  std::vector<unsigned char> memory = std::vector<unsigned char>(ISAL_DEF_LVL1_DEFAULT);

  Deflate() {
    isal_deflate_init(&stream);
    stream.gzip_flag = IGZIP_GZIP;
    stream.level = 1;
    stream.level_buf = memory.data();
    stream.level_buf_size = static_cast<unsigned>(memory.size());
  }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  // The last piece ends the stream; flushed, it has no end.
  void append(std::string& out, std::string_view piece, int flush, bool ends) {
    std::array<unsigned char, flush_bytes> room;
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<unsigned>(piece.size());
    stream.flush = static_cast<unsigned short>(flush);
    stream.end_of_stream = ends ? 1 : 0;
    do {
      stream.next_out = room.data();
      stream.avail_out = room.size();
      isal_deflate(&stream);
      out.append(reinterpret_cast<const char*>(room.data()), room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
};

EncodedBody::EncodedBody(Document document, const Answer& answer, bool gzip)
    : document_(std::move(document)),
      left_(answer.cut_document.value_or(never)),
      gzip_(answer.gzip.value_or(Gzip::never)),
      deflate_(gzip ? std::make_unique<Deflate>() : nullptr) {}

EncodedBody::~EncodedBody() = default;

bool EncodedBody::next(std::string& out) {
  piece_.clear();
  bool more = document_(piece_);
  if (piece_.size() > left_) piece_.resize(left_);
  if (left_ != never) left_ -= piece_.size();
  more = more && left_ > 0;
  if (!deflate_) {
    out += piece_;
    return more;
  }
  // A stream that is cut short lacks its last block and its checksum, but none of its text.
  const bool cut = gzip_ == Gzip::cut_short;
  deflate_->append(out, piece_, more || !cut ? NO_FLUSH : SYNC_FLUSH, !more && !cut);
  constexpr std::size_t trailer = 8;  // the checksum and the length
  if (!more && gzip_ == Gzip::wrong_checksum) {
    char& checksum = out.at(out.size() - trailer);
    checksum = static_cast<char>(checksum ^ 1);
  }
  return more;
}

void AnswerWriter::send(std::string head, Framing framing, EncodedBody& body) {
  const bool honest = answer_.ending == Ending::honest;
  std::string piece;
  bool more = true;
  if (framing == Framing::length) {
    while (body.next(piece)) continue;
    more = false;
    const std::uint64_t sent = std::min<std::uint64_t>(piece.size(), answer_.cut.value_or(never));
    const std::uint64_t promised = honest ? sent : std::max<std::uint64_t>(piece.size(), sent + 1);
    head += "Content-Length: " + std::to_string(promised) + "\r\n";
  } else if (framing == Framing::chunked) {
    head += "Transfer-Encoding: chunked\r\n";
    chunked_ = true;
  }
  send_head(std::move(head));

  if (more) more = body.next(piece);
  while (put(piece) && more) {
    piece.clear();
    more = body.next(piece);
  }
  end_chunk();
  if (answer_.endless == Endless::chunk_extension) send_for_ever("1", ";more=of-it");
  if (answer_.endless == Endless::trailers) send_for_ever(chunked_ ? "0\r\n" : "", "X-More: of it\r\n");
  if (chunked_ && honest) out_ += "0\r\n\r\n";
  if (!answer_.stray_apart) out_ += answer_.stray;
  flush();
  if (answer_.stray_apart && !answer_.stray.empty()) transport_.write(answer_.stray);
}

void AnswerWriter::send_head(std::string head) {
  if (answer_.endless == Endless::interim_heads) send_for_ever("", "HTTP/1.1 102 Processing\r\n\r\n");
  if (answer_.endless == Endless::header) send_for_ever(head + "X-More: ", "of it ");
  out_ = std::move(head) + "\r\n";
  if (answer_.drip_head) return flush();
  transport_.write(std::exchange(out_, {}));
}

void AnswerWriter::send_for_ever(std::string beginning, std::string_view piece) {
  out_ += beginning;
  flush();
  while (behaviour_.releases() == releases_) {
    transport_.write(piece);
    transport_.wait_for_bell(answer_.drip_every);
  }
  transport_.reset_on_close();
  throw Gone();
}

bool AnswerWriter::put(std::string_view piece) {
  while (pass()) {
    if (piece.empty()) return true;
    const std::uint64_t at = position();
    std::uint64_t take = std::min<std::uint64_t>(piece.size(), answer_.cut.value_or(never) - at);
    if (answer_.hold_at && !held_) take = std::min(take, *answer_.hold_at - at);
    if (chunked_) take = std::min<std::uint64_t>(take, answer_.chunk - chunk_.size());
    (chunked_ ? chunk_ : out_).append(piece, 0, take);
    unsent_ += take;
    piece.remove_prefix(take);
    if (chunked_ && chunk_.size() == answer_.chunk) end_chunk();
    if (out_.size() >= flush_bytes) flush();
  }
  return false;
}

// Stands still where the answer is to be held; false where it is to be cut.
bool AnswerWriter::pass() {
  if (answer_.hold_at == position() && !std::exchange(held_, true)) {
    end_chunk();
    flush();
    hold();
  }
  return answer_.cut != position();
}

void AnswerWriter::end_chunk() {
  if (chunk_.empty()) return;
  std::array<char, 16> size{};
  out_.append(size.data(), std::to_chars(size.begin(), size.end(), chunk_.size(), 16).ptr);
  out_.append("\r\n").append(chunk_).append("\r\n");
  chunk_.clear();
}

void AnswerWriter::flush() {
  std::string_view rest = out_;
  while (!rest.empty()) {
    const bool drips = answer_.drip_bytes > 0 && behaviour_.releases() == releases_;
    const std::size_t bytes = drips ? std::min(answer_.drip_bytes, rest.size()) : rest.size();
    // Not behind the last one: the call would seem to go on when the client has its answer.
    if (drips && std::exchange(dripped_, true)) transport_.wait_for_bell(answer_.drip_every);
    transport_.write(rest.substr(0, bytes));
    rest.remove_prefix(bytes);
  }
  out_.clear();
  const std::uint64_t bytes = unsent_ - chunk_.size();
  unsent_ -= bytes;
  sent_ += bytes;
  record_.sent(bytes);
}

void AnswerWriter::hold() {
  const std::uint64_t releases = behaviour_.releases();
  record_.hold(true);
  try {
    while (behaviour_.releases() == releases) transport_.wait_for_bell();
  } catch (...) {
    record_.hold(false);
    throw;
  }
  record_.hold(false);
}

}  // namespace bounced::simulator
