// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_events.h"

#include <utility>
#include <variant>

namespace bounced::daemon {
namespace {

// Often enough that who looks at the last screen of the log sees what is wrong now.
constexpr std::chrono::minutes say_again_after{10};

std::int64_t milliseconds(sync::Seconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

std::int64_t whole_seconds(sync::Seconds time) {
  return std::chrono::round<std::chrono::seconds>(time).count();
}

LogFields fields_of(const db::Claim& claim) {
  return {{"customer", claim.customer}, {"account", claim.account}, {"poll", claim.full ? "full" : "recent"}};
}

LogFields operator+(LogFields fields, const LogFields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// "3: a, b, c"
std::string some(const std::vector<std::string>& names) {
  constexpr std::size_t enough = 10;
  std::string text = std::to_string(names.size());
  for (std::size_t i = 0; i < std::min(enough, names.size()); ++i) text += (i == 0 ? ": " : ", ") + names[i];
  return names.size() > enough ? text + ", …" : text;
}

}  // namespace

std::optional<std::int64_t> Repetitions::say(const std::string& about, const std::string& what, Time now) {
  const auto [entry, is_new] = said_.try_emplace(about, Said{what, now});
  Said& said = entry->second;
  if (is_new) return 0;
  if (said.what != what) {
    said = {what, now};
    return 0;
  }
  if (now - said.when < say_again_after) {
    ++said.unsaid;
    return std::nullopt;
  }
  said.when = now;
  return std::exchange(said.unsaid, 0);
}

void LogEvents::on(const sync::Event& event) {
  std::visit([this](const auto& happened) { log(happened); }, event);
}

void LogEvents::limited(Repetitions& repetitions, const std::string& about, const std::string& what,
                        std::string_view message, LogFields fields) {
  const auto unsaid = repetitions.say(about, what, clock_());
  if (!unsaid) return log_.debug(message, fields);
  if (*unsaid > 0) fields.push_back({"unsaid", *unsaid});
  log_.warning(message, fields);
}

void LogEvents::log(const sync::PollEnded& poll) {
  const std::string& customer = poll.claim.customer;
  failures_.end(customer);
  if (poll.claim.failures > 0) {
    log_.info(
        "customer recovered",
        {{"customer", customer}, {"account", poll.claim.account}, {"failures", std::int64_t{poll.claim.failures}}});
  }
  const LogFields fields = fields_of(poll.claim) + LogFields{{"received", static_cast<std::int64_t>(poll.list.entries)},
                                                             {"added", poll.merged.added},
                                                             {"changed", poll.merged.changed},
                                                             {"superseded", poll.merged.superseded},
                                                             {"disappeared", poll.merged.disappeared},
                                                             {"bytes", static_cast<std::int64_t>(poll.list.bytes)},
                                                             {"ms", milliseconds(poll.took)}};
  if (poll.merged.held) {
    log_.warning("list held", fields + LogFields{{"lacking", poll.merged.lacking}, {"remark", poll.merged.remark}});
    return;
  }
  if (poll.merged.changed_something())
    log_.info("mirror changed", fields);
  else
    log_.debug("mirror unchanged", fields);
  if (poll.merged.remark.empty())
    remarks_.end(customer);
  else
    limited(remarks_, customer, "", "list incomplete",
            fields_of(poll.claim) + LogFields{{"remark", poll.merged.remark}});
}

void LogEvents::log(const sync::PollFailed& poll) {
  limited(failures_, poll.claim.customer, poll.kind, "poll failed",
          fields_of(poll.claim) + LogFields{{"kind", poll.kind},
                                            {"error", poll.message},
                                            {"failures", std::int64_t{poll.failures}},
                                            {"next_try_s", whole_seconds(poll.next_try)}});
}

void LogEvents::log(const sync::PollDiscarded& poll) {
  const LogFields fields = fields_of(poll.claim) + LogFields{{"why", poll.why}};
  log_.info("poll discarded", fields);
}

void LogEvents::log(const sync::RequestEnded& request) {
  using Kind = db::RequestEnd::Kind;
  const db::RequestEnd& end = request.end;
  LogFields fields{{"request", end.claim.request_id},
                   {"customer", request.customer},
                   {"account", request.account},
                   {"ms", milliseconds(request.took)}};
  if (request.claim_lost) return log_.info("deletion request taken over", fields);
  if (!end.error.empty()) fields.push_back({"error", end.error});
  if (end.kind == Kind::deleted || end.kind == Kind::not_listed) {
    failed_requests_.end(request.customer);
    repeated_requests_.end(request.customer);
    holds_.end(request.customer);
  }
  switch (end.kind) {
    case Kind::deleted:
      return log_.debug("address deleted", fields);
    case Kind::not_listed:
      return log_.debug("address was not listed", fields);
    case Kind::failed:
      return limited(failed_requests_, request.customer, "", "deletion request failed", fields);
    case Kind::again:
      fields.push_back({"attempts", std::int64_t{end.claim.attempts} + 1});
      fields.push_back({"next_try_s", whole_seconds(end.again_in)});
      return limited(repeated_requests_, request.customer, "", "deletion request to be tried again", fields);
    case Kind::interrupted:
      return log_.info("deletion request interrupted", fields);
    case Kind::released:
      break;
  }
}

void LogEvents::log(const sync::RequestsProgress& requests) {
  log_.info("deletion requests carried out", {{"deleted", static_cast<std::int64_t>(requests.deleted)},
                                              {"not_listed", static_cast<std::int64_t>(requests.not_listed)},
                                              {"failed", static_cast<std::int64_t>(requests.failed)},
                                              {"to_be_tried_again", static_cast<std::int64_t>(requests.again)},
                                              {"ms", milliseconds(requests.took)}});
}

void LogEvents::log(const sync::AccountPaused& account) {
  limited(pauses_, account.account + '/' + account.calls, account.kind, "account paused",
          {{"account", account.account},
           {"kind", account.kind},
           {"calls", account.calls},
           {"error", account.because},
           {"times", std::int64_t{account.times}},
           {"next_try_s", whole_seconds(account.length)}});
}

void LogEvents::log(const sync::AccountResumed& account) {
  pauses_.end(account.account + '/' + account.calls);
  pauses_.end(account.account + "/all");
  log_.info("account resumed", {{"account", account.account}, {"calls", account.calls}});
}

void LogEvents::log(const sync::CustomerHeld& held) {
  limited(holds_, held.customer, held.kind, "deletions of the customer paused",
          {{"customer", held.customer},
           {"kind", held.kind},
           {"error", held.message},
           {"next_try_s", whole_seconds(held.length)}});
}

void LogEvents::log(const sync::CustomersListed& customers) {
  listings_.end(customers.account);
  log_.info("customers of the account", {{"account", customers.account},
                                         {"customers", static_cast<std::int64_t>(customers.count)},
                                         {"new", some(customers.added)},
                                         {"vanished", some(customers.vanished)}});
}

void LogEvents::log(const sync::CustomersNotListed& customers) {
  limited(listings_, customers.account, customers.kind, "the account's customers are not known, and stay as they were",
          {{"account", customers.account},
           {"kind", customers.kind},
           {"error", customers.message},
           {"next_try_s", whole_seconds(customers.next_try)}});
}

void LogEvents::log(const sync::CustomersRemarked& customers) {
  const bool disabled = customers.remark == sync::CustomersRemarked::Remark::disabled;
  log_.warning(disabled ? "customers are disabled at the API" : "names that no customer can have are left out",
               {{"account", customers.account}, {"customers", some(customers.customers)}});
}

void LogEvents::disagreements(const std::vector<db::Disagreement>& customers) {
  if (customers.empty()) {
    if (disagreements_.goes_on("")) log_.info("configurations agree again");
    return disagreements_.end("");
  }
  limited(disagreements_, "", std::to_string(customers.size()), "another daemon has another configuration",
          {{"customers", static_cast<std::int64_t>(customers.size())},
           {"customer", customers.front().customer},
           {"what", customers.front().what}});
}

void LogEvents::log(const sync::Stalled& stalled) {
  log_.error("stalled, and broken off: this is a bug in bounced, please report it",
             {{"what", stalled.what},
              {"whom", stalled.whom},
              {"waits_for", stalled.waits_for},
              {"waited_s", whole_seconds(stalled.step_took)},
              {"took_s", whole_seconds(stalled.took)}});
}

void LogEvents::log(const sync::DatabaseLost& database) {
  log_.warning("database lost", {{"error", database.message}});
}

void LogEvents::log(const sync::WorkRefused& work) {
  limited(refused_work_, work.loop, work.message, "the database refuses work",
          {{"work", work.loop}, {"error", work.message}, {"next_try_s", whole_seconds(work.next_try)}});
}

void LogEvents::log(const sync::WorkAccepted& work) {
  refused_work_.end(work.loop);
  log_.info("the database accepts the work again", {{"work", work.loop}});
}

void LogEvents::log(const sync::DatabaseBack& database) {
  log_.info("database back", {{"after_s", whole_seconds(database.after)}});
}

}  // namespace bounced::daemon
