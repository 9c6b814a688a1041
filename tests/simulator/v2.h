// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "tests/simulator/accounts.h"
#include "tests/simulator/lists.h"
#include "tests/simulator/response.h"
#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// SendGrid's v2, as its documentation and its recorded answers show it.
class V2 {
 public:
  V2(Lists& lists, const Accounts& accounts, std::string time_zone)
      : lists_(lists), accounts_(accounts), time_zone_(std::move(time_zone)) {}

  void set_days(Days days);

  // Such as created is written: the time in the account's zone so many days ago.
  [[nodiscard]] std::string local_time(int days_ago) const;
  // Packs a customer's list as JSON and answers with that, where gzip is accepted, until it is packed again: for
  // measurements, in which packing would take more time than all else.
  void pack(const std::string& customer);
  // Does what is asked.
  Response respond(const Call& call);

 private:
  Response list(const Call& call, std::shared_ptr<const Lists::Snapshot> snapshot) const;
  Response remove(const Call& call);

  Lists& lists_;
  const Accounts& accounts_;
  const std::string time_zone_;
  mutable std::mutex mutex_;
  Days days_ = Days::honour;
  std::map<std::string, std::shared_ptr<const std::string>> packed_;  // by customer
};

// "json" or "xml", or "" for a path that is not the API's.
std::string format_of(std::string_view path);

}  // namespace bounced::simulator
