// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

struct inflate_state;

namespace bounced::api {

// Unpacks one gzip stream while it arrives, as much at a time as the caller has room for: so a small body that unpacks
// to a huge one costs no memory.
class Inflate {
 public:
  class Broken : public std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  Inflate();
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate();

  // Unpacks into out and removes from input what was used. 0: more input is needed, or the stream has ended. Throws
  // Broken, also when the checksum is wrong or something follows it.
  std::size_t read(std::string_view& input, std::span<char> out);

  // Has the stream come to its end, with its checksum?
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  std::unique_ptr<inflate_state> stream_;
  bool finished_ = false;
};

}  // namespace bounced::api
