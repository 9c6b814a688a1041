// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/record.h"

#include <algorithm>

namespace bounced::simulator {
namespace {

Call to_keep(Call call) {
  call.body.resize(std::min<std::size_t>(call.body.size(), 64 * 1024));
  return call;
}

}  // namespace

std::uint64_t Record::opened() {
  return note([&] {
    ++counters_.open;
    return ++connections_;
  });
}

void Record::handshake_ended(bool well) {
  note([&] { ++(well ? counters_.connections : counters_.failed_handshakes); });
}

void Record::closed() {
  note([&] { --counters_.open; });
}

void Record::arrived(Call& call) {
  note([&] {
    ++counters_.calls;
    call.number = ++calls_arrived_;
    calls_.push_back(to_keep(call));
    if (calls_.size() > keep_) calls_.pop_front();
  });
}

void Record::hold(bool begins) {
  note([&] { begins ? ++counters_.held : --counters_.held; });
}

void Record::sent(std::uint64_t body_bytes) {
  note([&] { counters_.body_bytes += body_bytes; });
}

void Record::refused_v3() {
  note([&] { ++counters_.refused_v3; });
}

void Record::ended(const Call& call) {
  note([&] {
    if (call.number <= forgotten_) return;
    ++counters_.ended;
    counters_.answered += call.answered;
    const std::uint64_t from_last = calls_arrived_ - call.number;
    if (from_last < calls_.size()) calls_[calls_.size() - 1 - from_last] = to_keep(call);
  });
}

std::vector<Call> Record::calls() const {
  const std::lock_guard lock(mutex_);
  return {calls_.begin(), calls_.end()};
}

Counters Record::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Record::forget() {
  note([&] {
    calls_.clear();
    forgotten_ = calls_arrived_;
    counters_ = {.open = counters_.open, .held = counters_.held};
  });
}

bool Record::wait_for(const std::function<bool(const Counters&)>& wanted, std::chrono::milliseconds limit) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return wanted(counters_); });
}

}  // namespace bounced::simulator
