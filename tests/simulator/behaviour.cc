// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/behaviour.h"

#include <algorithm>
#include <utility>

namespace bounced::simulator {
namespace {

std::string_view name_of(Task task) {
  return task == Task::list ? "get" : task == Task::remove ? "delete" : "subusers";
}

bool meant(const Calls& calls, const Call& call) {
  if (calls.customer && *calls.customer != call.customer()) return false;
  return !calls.task || call.task() == name_of(*calls.task);
}

}  // namespace

void Behaviour::add(Calls calls, Answer answer, std::uint64_t times) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({std::move(calls), std::move(answer), times});
}

void Behaviour::clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

void Behaviour::set_hook(std::function<std::optional<Answer>(const Call&)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void Behaviour::set_framing(std::optional<Framing> framing, std::size_t chunk) {
  const std::lock_guard lock(mutex_);
  framing_ = framing;
  chunk_ = chunk;
}

void Behaviour::set_gzip(Gzip gzip) {
  const std::lock_guard lock(mutex_);
  gzip_ = gzip;
}

Answer Behaviour::by_rule(const Call& call) {
  const auto rule = std::ranges::find_if(rules_, [&](const Rule& r) { return meant(r.calls, call); });
  if (rule == rules_.end()) return {};
  if (rule->left != 1) {
    if (rule->left > 1) --rule->left;
    return rule->answer;
  }
  Answer answer = std::move(rule->answer);
  rules_.erase(rule);
  return answer;
}

Answer Behaviour::choose(const Call& call) {
  std::unique_lock lock(mutex_);
  std::optional<Answer> answer;
  if (hook_) {
    const auto hook = hook_;
    lock.unlock();  // it may take its time, and call us
    answer = hook(call);
    lock.lock();
  }
  if (!answer) answer = by_rule(call);
  if (!answer->framing && framing_) {
    answer->framing = framing_;
    answer->chunk = chunk_;
  }
  if (!answer->gzip) answer->gzip = gzip_;
  return *std::move(answer);
}

}  // namespace bounced::simulator
