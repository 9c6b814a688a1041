// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/control.h"

#include <charconv>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace bounced::simulator {
namespace {

std::uint64_t number(const Call& call, std::string_view name) {
  const std::string text = call.parameter(name);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument(std::string(name) + " must be a number");
  }
  return value;
}

std::int64_t microseconds_of(const Call& call) {
  return std::chrono::duration_cast<std::chrono::microseconds>(call.time.time_since_epoch()).count();
}

std::optional<std::string> optional(const Call& call, std::string_view name) {
  return call.has_parameter(name) ? std::optional(call.parameter(name)) : std::nullopt;
}

void add(Simulator& simulator, const Call& call) {
  Bounce bounce{.email = call.parameter("email")};
  if (auto status = optional(call, "status")) bounce.status = std::move(status);
  if (auto reason = optional(call, "reason")) bounce.reason = std::move(reason);
  if (auto created = optional(call, "created")) bounce.created = std::move(created);
  simulator.add(call.parameter("customer"), std::move(bounce));
}

void answer(Simulator& simulator, const Call& call) {
  Answer answer{.body = optional(call, "body"), .content_type = optional(call, "content_type")};
  if (call.has_parameter("status")) answer.status = static_cast<int>(number(call, "status"));
  answer.hold_head = call.has_parameter("hold");
  simulator.answer({.customer = optional(call, "customer")}, std::move(answer),
                   call.has_parameter("times") ? number(call, "times") : 1);
}

}  // namespace

std::string Control::obey(std::string_view command, const Call& call) {
  if (command == "calls") return std::to_string(simulator_.counters().calls);
  if (command == "last-deletion") return std::to_string(last_deletion_us_);
  if (command == "polls") return polls();
  if (command == "api-calls") return std::to_string(api_calls_);
  if (command == "slow") {
    deletion_ms_ = number(call, "ms");
  } else if (command == "answer") {
    answer(simulator_, call);
  } else if (command == "gzip") {
    simulator_.set_gzip(number(call, "on") > 0 ? Gzip::if_accepted : Gzip::never);
  } else if (command == "links") {
    simulator_.set_v3({.links = number(call, "on") > 0 ? PageLinks::as_documented : PageLinks::none});
  } else if (command == "clear-answers") {
    simulator_.clear_answers();
  } else {
    return obey_for_customer(command, call);
  }
  return "ok";
}

std::string Control::obey_for_customer(std::string_view command, const Call& call) {
  const std::string customer = call.parameter("customer");
  if (customer.empty()) throw std::invalid_argument("customer is missing");
  if (command == "size") return std::to_string(simulator_.size(customer));
  if (command == "remove") return std::to_string(simulator_.remove(customer, call.parameter("email")));
  if (command == "remove-some") return std::to_string(simulator_.remove_some(customer, number(call, "count")));
  if (command == "add") {
    add(simulator_, call);
  } else if (command == "add-some") {
    simulator_.add_some(customer, number(call, "count"));
  } else if (command == "churn") {
    const std::lock_guard lock(mutex_);
    churn_ = {customer, number(call, "count")};
  } else if (command == "pack") {
    simulator_.pack(customer);
  } else if (command == "clear") {
    simulator_.clear(customer);
  } else if (command == "generate") {
    simulator_.generate(customer, number(call, "seed"), number(call, "count"));
  } else {
    throw std::invalid_argument("no such command");
  }
  return "ok";
}

void Control::churn(const Call& call) {
  std::uint64_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    if (call.customer() == churn_.first) count = churn_.second;
  }
  if (count == 0) return;
  simulator_.remove_some(call.customer(), count);
  simulator_.add_some(call.customer(), count / 2);
}

void Control::note_poll(const Call& call) {
  const std::lock_guard lock(mutex_);
  if (notes_polls_) polls_.emplace_back(call.customer(), microseconds_of(call));
}

std::string Control::polls() {
  decltype(polls_) noted;
  {
    const std::lock_guard lock(mutex_);
    notes_polls_ = true;
    noted.swap(polls_);
  }
  std::string text;
  for (const auto& [customer, time] : noted) text += customer + ' ' + std::to_string(time) + '\n';
  return text;
}

std::optional<Answer> Control::operator()(const Call& call) {
  constexpr std::string_view base = "/control/";
  if (call.task() == "delete") {
    last_deletion_us_ = microseconds_of(call);
    if (deletion_ms_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(deletion_ms_));
  }
  if (call.task() == "get") note_poll(call);
  if (call.task() == "get" && call.is_v3()) churn(call);
  if (!call.path.starts_with(base)) {
    ++api_calls_;
    return std::nullopt;
  }
  try {
    return Answer{.body = obey(std::string_view(call.path).substr(base.size()), call) + "\n",
                  .content_type = "text/plain"};
  } catch (const std::invalid_argument& error) {
    return Answer{.status = 400, .body = std::string(error.what()) + "\n", .content_type = "text/plain"};
  }
}

}  // namespace bounced::simulator
