// SPDX-License-Identifier: Apache-2.0
#include "daemon/service_manager.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdlib>

namespace bounced::daemon {

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  // Somebody may have redirected standard error since the variable was set.
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

bool send_to_journal(const std::vector<std::string>& fields) {
  std::vector<iovec> pieces;
  for (const std::string& field : fields) {
    pieces.push_back({.iov_base = const_cast<char*>(field.data()), .iov_len = field.size()});
  }
  return ::sd_journal_sendv(pieces.data(), static_cast<int>(pieces.size())) == 0;
}

void tell_service_manager(const std::string& state) {
  ::sd_notify(0, state.c_str());
}

}  // namespace bounced::daemon
