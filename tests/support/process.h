// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/run.h"

namespace bounced::test {

// A program that a test starts and looks at from outside. It dies with its object, and with the test program.
class Process {
 public:
  struct Options {
    std::map<std::string, std::string> environment;  // besides the test's own
    std::string user;                                // run as this one; empty: as oneself
    std::filesystem::path folder;                    // to run in; empty: where the test runs
  };

  explicit Process(std::vector<std::string> command) : Process(std::move(command), Options{}) {}
  Process(std::vector<std::string> command, const Options& options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number);

  // Waits until a line with this text in it is there, and gives the line. Looks at what came before the call too, but
  // not at what an earlier wait has passed. Throws when the output ends without it, or nothing comes.
  std::string wait_for_stdout(const std::string& text) { return wait_for(out_, text); }
  std::string wait_for_stderr(const std::string& text) { return wait_for(err_, text); }

  // Waits for the end. The exit code, or 128 plus the signal that ended it.
  int wait(std::chrono::seconds limit = hang);
  bool running();

  // All that came so far.
  std::string stdout_text();
  std::string stderr_text();

 private:
  struct Stream {
    int descriptor = -1;
    std::string text;
    std::size_t passed = 0;
    bool open = true;
  };

  void read_output();
  void reap();
  std::string wait_for(Stream& stream, const std::string& text);
  std::string describe() const;

  const std::vector<std::string> command_;
  pid_t pid_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  Stream out_;
  Stream err_;
  std::optional<int> exit_code_;
  std::thread reader_;
  std::thread reaper_;
};

}  // namespace bounced::test
