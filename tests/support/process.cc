// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace bounced::test {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

struct Pipe {
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) check(errno, "pipe2");
  }
  ~Pipe() {
    for (int end : ends)
      if (end >= 0) ::close(end);
  }
  int take_reader() { return std::exchange(ends[0], -1); }
  std::array<int, 2> ends{};
};

// setpriv and env become the program, so that pid is the program's.
std::vector<std::string> with_prefix(const std::vector<std::string>& command, const Process::Options& options) {
  std::vector<std::string> full{"setpriv", "--pdeathsig", "KILL"};
  if (!options.user.empty())
    full.insert(full.end(), {"--reuid", options.user, "--regid", options.user, "--init-groups"});
  full.insert(full.end(), {"--", "env"});
  if (!options.folder.empty()) full.insert(full.end(), {"-C", options.folder.string()});
  for (const auto& [name, value] : options.environment) full.push_back(name + "=" + value);
  full.insert(full.end(), command.begin(), command.end());
  return full;
}

}  // namespace

Process::Process(std::vector<std::string> command, const Options& options) : command_(std::move(command)) {
  Pipe out;
  Pipe err;
  posix_spawn_file_actions_t actions;
  check(::posix_spawn_file_actions_init(&actions), "posix_spawn_file_actions_init");
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
  // Asio's sockets do not close themselves: one that a relay or a simulator closes would stay open in the child.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  std::vector<std::string> full = with_prefix(command_, options);
  std::vector<char*> arguments;
  for (std::string& argument : full) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const int error = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  check(error, arguments[0]);
  out_.descriptor = out.take_reader();
  err_.descriptor = err.take_reader();
  reader_ = std::thread([this] { read_output(); });
  reaper_ = std::thread([this] { reap(); });
}

Process::~Process() {
  signal(SIGKILL);
  reaper_.join();
  reader_.join();
  ::close(out_.descriptor);
  ::close(err_.descriptor);
}

void Process::signal(int number) {
  const std::lock_guard lock(mutex_);
  if (!exit_code_) ::kill(pid_, number);
}

int Process::wait(std::chrono::seconds limit) {
  std::unique_lock lock(mutex_);
  const auto ended = [this] { return exit_code_ && !out_.open && !err_.open; };
  if (!changed_.wait_for(lock, limit, ended)) throw std::runtime_error("did not end: " + describe());
  return *exit_code_;
}

bool Process::running() {
  const std::lock_guard lock(mutex_);
  return !exit_code_;
}

std::string Process::stdout_text() {
  const std::lock_guard lock(mutex_);
  return out_.text;
}

std::string Process::stderr_text() {
  const std::lock_guard lock(mutex_);
  return err_.text;
}

void Process::read_output() {
  while (out_.open || err_.open) {  // changed by this thread only
    std::array<pollfd, 2> ready{pollfd{out_.open ? out_.descriptor : -1, POLLIN, 0},
                                pollfd{err_.open ? err_.descriptor : -1, POLLIN, 0}};
    if (::poll(ready.data(), ready.size(), -1) < 0) continue;
    for (Stream* stream : {&out_, &err_}) {
      if (ready[stream == &out_ ? 0 : 1].revents == 0) continue;
      std::array<char, 16384> buffer;
      const ssize_t count = ::read(stream->descriptor, buffer.data(), buffer.size());
      const std::lock_guard lock(mutex_);
      if (count > 0)
        stream->text.append(buffer.data(), static_cast<std::size_t>(count));
      else if (count == 0 || errno != EINTR)
        stream->open = false;
      changed_.notify_all();
    }
  }
}

void Process::reap() {
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
  const std::lock_guard lock(mutex_);  // so that signal() never meets a stranger with the same pid
  int status = 0;
  ::waitpid(pid_, &status, 0);
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  changed_.notify_all();
}

std::string Process::wait_for(Stream& stream, const std::string& text) {
  std::unique_lock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + hang;
  while (true) {
    for (auto end = stream.text.find('\n', stream.passed); end != std::string::npos;
         end = stream.text.find('\n', stream.passed)) {
      std::string line = stream.text.substr(stream.passed, end - stream.passed);
      stream.passed = end + 1;
      if (line.find(text) != std::string::npos) return line;
    }
    if (!stream.open || changed_.wait_until(lock, deadline) == std::cv_status::timeout)
      throw std::runtime_error("no line with \"" + text + "\" from " + describe());
  }
}

std::string Process::describe() const {
  std::string all;
  for (const std::string& word : command_) all += word + " ";
  return all + "\nstdout:\n" + out_.text + "\nstderr:\n" + err_.text;
}

}  // namespace bounced::test
