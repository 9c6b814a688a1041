// SPDX-License-Identifier: Apache-2.0
#include "sync/decision.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

namespace bounced::sync {
namespace {

using FaultKind = api::Fault::Kind;
using Origin = api::Fault::Origin;
using End = Decision::End;
using Pause = Decision::Pause;

// What is left out holds for everything.
struct Rule {
  std::optional<FaultKind> kind = {};
  std::optional<Origin> origin = {};
  std::optional<CallKind> calls = {};
  std::optional<bool> many = {};
  std::optional<bool> others_answered = {};
  std::optional<InARow> in_a_row = {};
  Decision decision;

  [[nodiscard]] bool fits(const Met& met) const {
    return kind.value_or(met.kind) == met.kind && origin.value_or(met.origin) == met.origin &&
           calls.value_or(met.calls) == met.calls && many.value_or(met.many) == met.many &&
           others_answered.value_or(met.others_answered) == met.others_answered &&
           in_a_row.value_or(met.in_a_row) == met.in_a_row;
  }
};

// The first one that fits decides.
constexpr std::array rules{
    // A limit concerns the calls that it was met by.
    Rule{.kind = FaultKind::rate_limited, .decision = {End::released, Pause::calls}},
    // Credentials that serve others are not wrong. A page that says 401 may be a proxy's: the key may be right.
    Rule{.kind = FaultKind::credentials,
         .origin = Origin::api,
         .others_answered = true,
         .in_a_row = InARow::few,
         .decision = {End::again, Pause::none}},
    Rule{.kind = FaultKind::credentials,
         .origin = Origin::api,
         .others_answered = true,
         .decision = {End::again, Pause::customer}},
    Rule{.kind = FaultKind::credentials, .origin = Origin::api, .decision = {End::released, Pause::account}},
    Rule{.kind = FaultKind::credentials, .decision = {End::released, Pause::calls}},
    // What the API says about an address is final, unless it says it about all of them. A refusal of many tells nothing
    // about each.
    Rule{.kind = FaultKind::refused,
         .origin = Origin::api,
         .calls = CallKind::deletion,
         .many = false,
         .in_a_row = InARow::few,
         .decision = {End::failed, Pause::none}},
    Rule{.kind = FaultKind::refused,
         .origin = Origin::api,
         .calls = CallKind::deletion,
         .many = true,
         .in_a_row = InARow::few,
         .decision = {End::one_by_one, Pause::none}},
    // An attempt, so that addresses that really are refused come to an end.
    Rule{.kind = FaultKind::refused,
         .origin = Origin::api,
         .calls = CallKind::deletion,
         .in_a_row = InARow::of_several,
         .decision = {End::again, Pause::calls}},
    // Everything else says nothing about the request.
    Rule{.in_a_row = InARow::of_several, .decision = {End::released, Pause::calls}},
    Rule{.in_a_row = InARow::of_customer, .decision = {End::again, Pause::customer}},
    Rule{.decision = {End::again, Pause::none}},
};

const char* text(End end) {
  switch (end) {
    case End::failed:
      return "failed for good";
    case End::again:
      return "again later";
    case End::one_by_one:
      return "again at once, one by one";
    case End::released:
      return "given back";
  }
  return "";
}

const char* text(Pause pause) {
  switch (pause) {
    case Pause::none:
      return "nobody";
    case Pause::customer:
      return "the customer";
    case Pause::calls:
      return "this kind of call";
    case Pause::account:
      return "the account";
  }
  return "";
}

const char* text(InARow in_a_row) {
  switch (in_a_row) {
    case InARow::few:
      return "few";
    case InARow::of_customer:
      return "many, of this customer";
    case InARow::of_several:
      return "many, of several customers";
  }
  return "";
}

template <class T, class Text>
std::string cell(const std::optional<T>& value, Text of) {
  return value ? std::string(of(*value)) : std::string("any");
}

}  // namespace

const char* name(CallKind kind) {
  switch (kind) {
    case CallKind::list:
      return "lists";
    case CallKind::deletion:
      return "deletions";
    case CallKind::subusers:
      return "subusers";
  }
  return "unknown";
}

Decision decide(const Met& met) {
  const auto rule = std::ranges::find_if(rules, [&](const Rule& one) { return one.fits(met); });
  if (rule == rules.end()) throw std::logic_error("no rule for a fault");  // the last one fits all
  return rule->decision;
}

std::string decision_table() {
  std::string table =
      "| fault | said by | call | addresses | others get answers | failed in a row | request or poll | who pauses |\n"
      "|---|---|---|---|---|---|---|---|\n";
  const auto many = [](bool several) { return several ? "several" : "one"; };
  const auto yes = [](bool answered) { return answered ? "yes" : "no"; };
  for (const Rule& rule : rules) {
    table += "| " + cell(rule.kind, [](FaultKind kind) { return api::name(kind); });
    table += " | " + cell(rule.origin, [](Origin origin) { return api::name(origin); });
    table += " | " + cell(rule.calls, [](CallKind calls) { return name(calls); });
    table += " | " + cell(rule.many, many);
    table += " | " + cell(rule.others_answered, yes);
    table += " | " + cell(rule.in_a_row, [](InARow in_a_row) { return text(in_a_row); });
    table += std::string(" | ") + text(rule.decision.end) + " | " + text(rule.decision.pause) + " |\n";
  }
  return table;
}

}  // namespace bounced::sync
