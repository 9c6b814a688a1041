// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "sync/events.h"

namespace bounced::daemon {

// Counts what a sync does, and shows it on a terminal: one line, drawn anew while it goes on.
class Progress final : public sync::Observer {
 public:
  // `others` are told everything as well, while no line is in their way.
  Progress(bool on_terminal, sync::Observer& others) : on_terminal_(on_terminal), others_(others) {}

  // How many customers there are to do.
  void expect(std::uint64_t customers) { customers_ = customers; }

  void on(const sync::Event& event) override;

  // Removes the line.
  void clear();

  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  // Deletion requests that were carried out, and that failed for good, by customer and with what was said of the last.
  [[nodiscard]] std::uint64_t deletions() const { return deletions_; }
  struct Failures {
    std::uint64_t count = 0;
    std::string last_error;
  };
  [[nodiscard]] const std::map<std::string, Failures>& failed_deletions() const { return failed_deletions_; }
  [[nodiscard]] double seconds() const;

 private:
  void count(const sync::RequestEnded& request);
  void draw();

  std::uint64_t customers_ = 0;
  bool on_terminal_;
  sync::Observer& others_;
  std::uint64_t done_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t deletions_ = 0;
  std::map<std::string, Failures> failed_deletions_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace bounced::daemon
