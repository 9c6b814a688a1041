// SPDX-License-Identifier: Apache-2.0
#include "config/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace bounced::config {
namespace {

// Far more than a hundred thousand customers need, and little enough to be held in memory.
constexpr std::size_t largest_file = 64 * 1024 * 1024;

// As in the mirror, where a name is looked up.
constexpr std::size_t longest_name = 1000;

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

[[noreturn]] void throw_unreadable(int error) {
  if (error == ENOENT || error == ENOTDIR) throw std::invalid_argument("does not exist");
  throw std::invalid_argument("cannot be read: " + std::system_category().message(error));
}

// The code point at pos, which is moved behind it; nothing where the bytes there are not UTF-8.
std::optional<char32_t> next_code_point(std::string_view text, std::size_t& pos) {
  const auto lead = static_cast<unsigned char>(text[pos++]);
  if (lead < 0x80) return lead;
  const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || text.size() - pos < more) return std::nullopt;
  char32_t code = lead & (0x3FU >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const auto byte = static_cast<unsigned char>(text[pos++]);
    if ((byte & 0xC0) != 0x80) return std::nullopt;
    code = code << 6 | (byte & 0x3FU);
  }
  const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return std::nullopt;
  return code;
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F);
}

bool is_blank(char32_t code) {
  return code == ' ' || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200B) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000 || code == 0xFEFF;
}

// Optimal string alignment: how many letters must be changed, added, removed or swapped with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

File read_file(const std::filesystem::path& file) {
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (descriptor.fd < 0) throw_unreadable(errno);
  struct stat status {};
  if (::fstat(descriptor.fd, &status) != 0) throw_unreadable(errno);
  if (S_ISDIR(status.st_mode)) throw std::invalid_argument("is a folder; name a file");
  // A pipe may never end; O_NONBLOCK keeps also the opening of one from waiting.
  if (!S_ISREG(status.st_mode)) throw std::invalid_argument("is a pipe or a device; name a file");
  File contents{{}, (status.st_mode & (S_IROTH | S_IWOTH)) != 0};
  std::vector<char> buffer(64 * 1024);
  while (true) {
    const ssize_t count = ::read(descriptor.fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_unreadable(errno);
    if (count == 0) break;
    contents.bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (contents.bytes.size() > largest_file) throw std::invalid_argument("is larger than 64 MB; name the right file");
  }
  explicit_bzero(buffer.data(), buffer.size());  // it may have been a key
  return contents;
}

std::string read_named_file(const std::filesystem::path& file) {
  try {
    return read_file(file).bytes;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(file.string() + ' ' + error.what());
  }
}

std::optional<TextFault> find_fault(std::string_view text) {
  int line = 1;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::optional<char32_t> code = next_code_point(text, pos);
    if (!code) return TextFault{line, "is not UTF-8; save the file in that encoding"};
    if (*code == '\n') ++line;
    if (is_control(*code) && *code != '\n' && *code != '\r' && *code != '\t') {
      return TextFault{line, "holds a control character; remove it"};
    }
  }
  return std::nullopt;
}

void check_value(std::string_view value) {
  if (value.empty()) throw std::invalid_argument("is empty; write a value, or remove the key");
  for (std::size_t pos = 0; pos < value.size();) {
    const std::optional<char32_t> code = next_code_point(value, pos);
    if (!code || is_control(*code)) throw std::invalid_argument("holds a control character; remove it");
  }
}

void check_name(std::string_view name) {
  bool only_blanks = true;
  for (std::size_t pos = 0; only_blanks && pos < name.size();) {
    const std::optional<char32_t> code = next_code_point(name, pos);
    only_blanks = code && is_blank(*code);
  }
  if (only_blanks) throw std::invalid_argument("is blank; write a name");
  check_value(name);
  if (name.front() == ' ' || name.back() == ' ') {
    throw std::invalid_argument("begins or ends with a blank; write the name without (is a quote missing?)");
  }
  if (name.size() > longest_name) throw std::invalid_argument("is longer than 1,000 bytes; no such name exists");
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown = "\"";
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t begin = pos;
    const std::optional<char32_t> code = next_code_point(text, pos);
    if (pos > longest) return shown + "…\"";
    shown += !code || is_control(*code) ? "?" : text.substr(begin, pos - begin);
  }
  return shown + '"';
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+,%";
  if (!text.empty() && text.find_first_not_of(plain) == text.npos) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& words) {
  std::string_view best;
  std::size_t best_distance = 0;
  for (const std::string_view candidate : words) {
    const std::size_t d = distance(word, candidate);
    // Where more than half of the letters differ, another word was meant.
    if (d * 2 <= candidate.size() && (best.empty() || d < best_distance)) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace bounced::config
