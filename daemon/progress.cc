// SPDX-License-Identifier: Apache-2.0
#include "daemon/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <variant>

#include "daemon/text.h"

namespace bounced::daemon {
namespace {

// Quick enough to look alive, slow enough to cost nothing.
constexpr std::chrono::milliseconds draw_every{100};

}  // namespace

void Progress::on(const sync::Event& event) {
  if (const auto* list = std::get_if<sync::ListProgress>(&event)) {
    rows_ += list->more_entries;
  } else {
    const bool ended = std::holds_alternative<sync::PollEnded>(event) ||
                       std::holds_alternative<sync::PollFailed>(event) ||
                       std::holds_alternative<sync::PollDiscarded>(event);
    if (ended) ++done_;
    if (const auto* request = std::get_if<sync::RequestEnded>(&event)) count(*request);
    clear();
    others_.on(event);
  }
  if (on_terminal_ && std::chrono::steady_clock::now() - drawn_ >= draw_every) draw();
}

void Progress::count(const sync::RequestEnded& request) {
  using Kind = db::RequestEnd::Kind;
  if (request.claim_lost) return;
  if (request.end.kind == Kind::deleted || request.end.kind == Kind::not_listed) ++deletions_;
  if (request.end.kind == Kind::failed) {
    Failures& failures = failed_deletions_[request.customer];
    ++failures.count;
    failures.last_error = request.end.error;
  }
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void Progress::draw() {
  drawn_ = std::chrono::steady_clock::now();
  fmt::print(stderr, "\r{}/{} customers, {} rows, {} rows/s", grouped(done_), grouped(customers_), grouped(rows_),
             grouped(static_cast<std::uint64_t>(static_cast<double>(rows_) / std::max(seconds(), 0.001))));
  if (deletions_ > 0) fmt::print(stderr, ", {} deletions", grouped(deletions_));
  fmt::print(stderr, "\x1b[K");
}

void Progress::clear() {
  if (!on_terminal_ || drawn_ == std::chrono::steady_clock::time_point{}) return;
  fmt::print(stderr, "\r\x1b[K");
  drawn_ = {};
}

}  // namespace bounced::daemon
