// SPDX-License-Identifier: Apache-2.0
#include "daemon/service_manager.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
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

std::string machine_id() {
  // Made for this program; the machine's own number, which is not to be shown around, cannot be found from it.
  constexpr sd_id128_t program = SD_ID128_ARRAY(5f, 0c, 53, b1, 1e, 6a, 4e, 0d, 9c, 37, 2b, 8d, e4, 90, 71, a6);
  sd_id128_t id{};
  // A container may have no /etc/machine-id. Its processes do not outlive the kernel's boot.
  if (::sd_id128_get_machine_app_specific(program, &id) < 0 && ::sd_id128_get_boot(&id) < 0) return {};
  std::array<char, SD_ID128_STRING_MAX> text{};
  return ::sd_id128_to_string(id, text.data());
}

bool has_service_manager() {
  return std::getenv("NOTIFY_SOCKET") != nullptr;
}

std::chrono::microseconds watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) <= 0) return {};
  return std::chrono::microseconds(microseconds);
}

void tell_service_manager(const std::string& state) {
  ::sd_notify(0, state.c_str());
}

void tell_of_reload() {
  const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(since_boot).count();
  tell_service_manager("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

}  // namespace bounced::daemon
