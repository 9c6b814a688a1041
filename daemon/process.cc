// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "daemon/service_manager.h"

namespace bounced::daemon {
namespace {

struct Stat {
  char state = '?';
  std::int64_t start = 0;
};

// What /proc says; nothing where it hides it.
Stat read_stat(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  Stat stat;
  // "1234 (name) S 1 …": the name may hold anything. The state is the third field, the start the twenty-second.
  const auto after_name = line.rfind(')');
  if (after_name == line.npos) return stat;
  std::istringstream fields(line.substr(after_name + 1));
  fields >> stat.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> stat.start;
  return stat;
}

void mask_signal(int how, int number) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, number);
  ::pthread_sigmask(how, &set, nullptr);
}

}  // namespace

void hold_signal(int number) {
  mask_signal(SIG_BLOCK, number);
}

void release_signal(int number) {
  mask_signal(SIG_UNBLOCK, number);
}

std::string host_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

std::string pid_space() {
  struct stat space {};
  const std::string machine = machine_id();
  if (machine.empty() || ::stat("/proc/self/ns/pid", &space) != 0) return {};
  // Clones of a machine, and containers of one image, have the same id.
  return fmt::format("{}:{}:{}", machine, host_name(), space.st_ino);
}

std::int64_t process_start(int pid) {
  return read_stat(pid).start;
}

bool is_gone(int pid, std::int64_t start) {
  if (pid <= 0) return false;
  if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
  const Stat stat = read_stat(pid);
  const bool is_dead = stat.state == 'Z' || stat.state == 'X';  // its parent has not noticed yet
  return is_dead || (start != 0 && stat.start != 0 && stat.start != start);
}

}  // namespace bounced::daemon
