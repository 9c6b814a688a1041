// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "tests/simulator/document.h"
#include "tests/simulator/lists.h"
#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// What the API has to say to a call, before anyone spoils it.
struct Response {
  int status = 200;
  std::string content_type;
  Document document;
  bool is_list = false;
  std::shared_ptr<const std::string> packed = {};  // the same in gzip, where it was packed before
};

// SendGrid's v2, as its documentation and its recorded answers show it.
class V2 {
 public:
  V2(Lists& lists, std::string time_zone) : lists_(lists), time_zone_(std::move(time_zone)) {}

  void add_account(std::string user, std::string key);
  void remove_account(const std::string& user);
  void set_days(Days days);

  // Such as created is written: the time in the account's zone so many days ago.
  [[nodiscard]] std::string local_time(int days_ago) const;
  // Packs a customer's list as JSON and answers with that, where gzip is accepted, until it is packed again: for
  // measurements, in which packing would take more time than all else.
  void pack(const std::string& customer);
  // Does what is asked.
  Response respond(const Call& call);

 private:
  [[nodiscard]] bool knows_account(const Call& call) const;
  Response list(const Call& call, std::shared_ptr<const Lists::Snapshot> snapshot) const;
  Response remove(const Call& call);

  Lists& lists_;
  const std::string time_zone_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> accounts_;
  Days days_ = Days::honour;
  std::map<std::string, std::shared_ptr<const std::string>> packed_;  // by customer
};

// "json" or "xml", or "" for a path that is not the API's.
std::string format_of(std::string_view path);

}  // namespace bounced::simulator
