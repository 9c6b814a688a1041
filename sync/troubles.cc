// SPDX-License-Identifier: Apache-2.0
#include "sync/troubles.h"

#include <algorithm>

namespace bounced::sync {
namespace {

// One customer that fails may be at fault itself; so may two. An account has fewer calls at once by default.
constexpr int many_of_several = 5;
constexpr int many_of_customer = 3;
constexpr std::chrono::minutes forgotten_after{15};

}  // namespace

void Troubles::Row::answered(const std::string& customer) {
  failures_.erase(customer);
  for (auto& [name, failures] : failures_) failures.fresh = false;
}

void Troubles::Row::failed(const std::string& customer, Time now) {
  std::erase_if(failures_, [&](const auto& entry) { return now - entry.second.last > forgotten_after; });
  Failures& failures = failures_[customer];
  ++failures.count;
  failures.last = now;
}

InARow Troubles::Row::in_a_row(const std::string& customer) const {
  int customers = 0;
  int calls = 0;
  for (const auto& [name, failures] : failures_) {
    if (!failures.fresh) continue;
    ++customers;
    calls += failures.count;
  }
  if (customers > 1 && calls >= many_of_several) return InARow::of_several;
  const auto found = failures_.find(customer);
  return found != failures_.end() && found->second.count >= many_of_customer ? InARow::of_customer : InARow::few;
}

bool Troubles::Row::fails_alone(const std::string& customer) const {
  return std::ranges::all_of(failures_, [&](const auto& one) { return !one.second.fresh || one.first == customer; });
}

void Troubles::answered(CallKind calls, const std::string& customer) {
  calls_[static_cast<std::size_t>(calls)].answered(customer);
  credentials_.answered(customer);
  if (known_[0] == customer) return;
  known_[1] = known_[0];
  known_[0] = customer;
}

Met Troubles::fault(const api::Fault& fault, CallKind calls, const std::string& customer, bool many, Time now) {
  using Kind = api::Fault::Kind;
  Row& row = calls_[static_cast<std::size_t>(calls)];
  // A limit is nobody's trouble: the calls are right.
  if (fault.kind != Kind::rate_limited) row.failed(customer, now);
  Met met{.kind = fault.kind, .origin = fault.origin, .calls = calls, .many = many};
  met.in_a_row = row.in_a_row(customer);
  if (fault.kind != Kind::credentials) return met;
  credentials_.failed(customer, now);
  const bool others_known =
      std::ranges::any_of(known_, [&](const std::string& other) { return !other.empty() && other != customer; });
  met.others_answered = others_known && credentials_.fails_alone(customer);
  return met;
}

}  // namespace bounced::sync
