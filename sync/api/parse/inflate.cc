// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <string>

namespace bounced::api {

Inflate::Inflate() : stream_(std::make_unique<z_stream>()) {
  constexpr int gzip_only = 16;  // added to the window's size
  if (inflateInit2(stream_.get(), MAX_WBITS + gzip_only) != Z_OK) throw std::bad_alloc();
}

Inflate::~Inflate() {
  inflateEnd(stream_.get());
}

std::size_t Inflate::read(std::string_view& input, std::span<char> out) {
  constexpr std::size_t most = std::numeric_limits<uInt>::max();
  std::size_t written = 0;
  while (written < out.size()) {
    if (finished_ && !input.empty()) throw Broken("something follows the gzip stream");
    if (finished_) break;
    stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));  // zlib does not write to it
    stream_->avail_in = static_cast<uInt>(std::min(input.size(), most));
    stream_->next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream_->avail_out = static_cast<uInt>(std::min(out.size() - written, most));
    // Also called without input: zlib may still hold what did not fit into the caller's room before.
    const int result = inflate(stream_.get(), Z_NO_FLUSH);
    if (result == Z_BUF_ERROR) break;
    if (result != Z_OK && result != Z_STREAM_END) {
      throw Broken(std::string("not a valid gzip stream: ") + (stream_->msg != nullptr ? stream_->msg : "broken"));
    }
    finished_ = result == Z_STREAM_END;
    input.remove_prefix(input.size() - stream_->avail_in);
    written = out.size() - stream_->avail_out;
  }
  return written;
}

}  // namespace bounced::api
