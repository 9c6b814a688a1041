// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/control.h"

#include <charconv>
#include <stdexcept>
#include <string>

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
  simulator.answer({.customer = optional(call, "customer")}, std::move(answer),
                   call.has_parameter("times") ? number(call, "times") : 1);
}

std::string obey(Simulator& simulator, std::string_view command, const Call& call) {
  const std::string customer = call.parameter("customer");
  if (command == "calls") return std::to_string(simulator.counters().calls);
  if (command == "answer") {
    answer(simulator, call);
    return "ok";
  }
  if (command == "clear-answers") {
    simulator.clear_answers();
    return "ok";
  }
  if (customer.empty()) throw std::invalid_argument("customer is missing");
  if (command == "size") return std::to_string(simulator.size(customer));
  if (command == "remove") return std::to_string(simulator.remove(customer, call.parameter("email")));
  if (command == "remove-some") return std::to_string(simulator.remove_some(customer, number(call, "count")));
  if (command == "add") {
    add(simulator, call);
  } else if (command == "add-some") {
    simulator.add_some(customer, number(call, "count"));
  } else if (command == "generate") {
    simulator.generate(customer, number(call, "seed"), number(call, "count"));
  } else {
    throw std::invalid_argument("no such command");
  }
  return "ok";
}

}  // namespace

std::optional<Answer> control(Simulator& simulator, const Call& call) {
  constexpr std::string_view base = "/control/";
  if (!call.path.starts_with(base)) return std::nullopt;
  try {
    return Answer{.body = obey(simulator, std::string_view(call.path).substr(base.size()), call) + "\n",
                  .content_type = "text/plain"};
  } catch (const std::invalid_argument& error) {
    return Answer{.status = 400, .body = std::string(error.what()) + "\n", .content_type = "text/plain"};
  }
}

}  // namespace bounced::simulator
