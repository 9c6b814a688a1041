// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/inflate.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <string>

namespace bounced::api {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::string gzip(std::string_view text) {
  std::string packed(text.size() + 1000, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Unpacks in pieces of these sizes; an end without checksum is marked.
std::string unpack(std::string_view packed, std::size_t in_size, std::size_t out_size) {
  Inflate inflate;
  std::string text;
  std::string out(out_size, '\0');
  while (!packed.empty()) {
    std::string_view piece = packed.substr(0, in_size);
    packed.remove_prefix(piece.size());
    while (const std::size_t size = inflate.read(piece, out)) text.append(out, 0, size);
    EXPECT_TRUE(piece.empty());
  }
  return inflate.finished() ? text : text + "(cut)";
}

std::string sample() {
  std::string text;
  for (int count = 0; count < 3000; ++count) text += "bounce " + std::to_string(count * count) + '\n';
  return text + std::string(100'000, 'a');
}

TEST(Inflate, UnpacksInPiecesOfAnySize) {
  const std::string text = sample();
  const std::string packed = gzip(text);
  for (const std::size_t in_size : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, packed.size()}) {
    for (const std::size_t out_size : {1, 3, 1000, 1'000'000}) {
      EXPECT_EQ(unpack(packed, in_size, out_size), text) << in_size << ' ' << out_size;
    }
  }
  EXPECT_EQ(unpack(gzip(""), 5, 5), "");
}

TEST(Inflate, NoPrefixIsFinished) {
  const std::string packed = gzip("[]");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_THAT(unpack(packed.substr(0, size), 100, 100), HasSubstr("(cut)")) << size;
  }
}

TEST(Inflate, ChecksTheChecksumAndTheLength) {
  const std::string packed = gzip("[]");
  for (std::size_t from_end = 1; from_end <= 8; ++from_end) {
    std::string spoilt = packed;
    spoilt[spoilt.size() - from_end] = static_cast<char>(spoilt[spoilt.size() - from_end] ^ 1);
    EXPECT_THROW(unpack(spoilt, 1, 100), Inflate::Broken) << from_end;
  }
}

TEST(Inflate, RefusesWhatFollows) {
  EXPECT_THAT([] { unpack(gzip("[]") + "x", 1, 100); }, ThrowsMessage<Inflate::Broken>(HasSubstr("follows")));
  EXPECT_THAT([] { unpack(gzip("[]") + gzip("[]"), 1000, 100); }, ThrowsMessage<Inflate::Broken>(HasSubstr("follows")));
}

TEST(Inflate, RefusesWhatIsNoGzip) {
  EXPECT_THROW(unpack("[{\"email\": \"a@example.com\"}]", 100, 100), Inflate::Broken);
  EXPECT_EQ(unpack("[]", 100, 100), "(cut)");  // shorter than a stream's head
}

}  // namespace
}  // namespace bounced::api
