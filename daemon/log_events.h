// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/log.h"
#include "db/customers.h"
#include "sync/events.h"

namespace bounced::daemon {

// Lets what is said over and over through at a limited rate: at once when it is new, then every ten minutes.
class Repetitions {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // How often this was not said since it was said last, if it is time to say it (again).
  std::optional<std::int64_t> say(const std::string& about, const std::string& what, Time now);
  void end(const std::string& about) { said_.erase(about); }
  [[nodiscard]] bool goes_on(const std::string& about) const { return said_.contains(about); }

 private:
  struct Said {
    std::string what;
    Time when;
    std::int64_t unsaid = 0;
  };
  std::map<std::string, Said> said_;
};

// Turns what happens into log lines.
class LogEvents final : public sync::Observer {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  explicit LogEvents(Log& log, Clock clock = std::chrono::steady_clock::now) : log_(log), clock_(std::move(clock)) {}

  void on(const sync::Event& event) override;

  // What every registration finds.
  void disagreements(const std::vector<db::Disagreement>& customers);

 private:
  void log(const sync::ListProgress&) {}
  void log(const sync::PollEnded& poll);
  void log(const sync::PollFailed& poll);
  void log(const sync::PollDiscarded& poll);
  void log(const sync::RequestEnded& request);
  void log(const sync::RequestsProgress& requests);
  void log(const sync::AccountPaused& account);
  void log(const sync::AccountResumed& account);
  void log(const sync::CustomerHeld& held);
  void log(const sync::CustomersListed& customers);
  void log(const sync::CustomersNotListed& customers);
  void log(const sync::CustomersRemarked& customers);
  void log(const sync::Stalled& stalled);
  void log(const sync::DatabaseLost& database);
  void log(const sync::DatabaseBack& database);
  void log(const sync::WorkRefused& work);
  void log(const sync::WorkAccepted& work);

  // A warning, if it is time for it; at debug level always. `what` is in what two of them must be alike to count as a
  // repetition.
  void limited(Repetitions& repetitions, const std::string& about, const std::string& what, std::string_view message,
               LogFields fields);

  Log& log_;
  Clock clock_;
  Repetitions failures_;           // by customer
  Repetitions failed_requests_;    // by customer
  Repetitions repeated_requests_;  // by customer
  Repetitions remarks_;            // by customer
  Repetitions disagreements_;      // of all customers
  Repetitions holds_;              // by customer
  Repetitions pauses_;             // by account
  Repetitions listings_;           // by account
  Repetitions refused_work_;       // by loop
};

}  // namespace bounced::daemon
