// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sync/poll_group.h"

namespace bounced::sync {

// What one full poll of each customer came to.
struct OnceResult {
  std::size_t merged = 0;
  std::map<std::string, std::string> held;    // merged, with what the shrink guard says
  std::map<std::string, std::string> failed;  // why
  bool stopped = false;                       // before all were done
  std::vector<std::string> not_done;          // where it was stopped
};

// Polls each of the named customers once, fully. It is a daemon like others: it waits for a claim that another holds,
// and for the end of a pause that a rate limit asks for.
class Once {
 public:
  // Customers must be configured.
  Once(const boost::asio::any_io_executor& executor, db::Pool& pool, Accounts& accounts, Observer& observer,
       std::int64_t daemon, const config::Polling& settings, std::vector<std::string> customers);

  // Throws db::Unavailable when the database goes away.
  boost::asio::awaitable<OnceResult> run();

  // Breaks off; run() ends when what runs at the database has ended.
  void stop();

  // Customers that are neither done nor being polled.
  [[nodiscard]] std::vector<std::string> waiting() const;

 private:
  struct Waiting {
    std::vector<std::string> customers;
    std::chrono::steady_clock::time_point not_before{};  // after a rate limit
    std::string cannot;                                  // why no call of this account will go well now
  };

  boost::asio::awaitable<void> poll_all();
  boost::asio::awaitable<bool> claim_some();
  void ended(const db::Claim& claim, const PollResult& result);
  std::vector<std::string> candidates();
  void give_up();

  db::Pool& pool_;
  Accounts& accounts_;
  std::int64_t daemon_;
  Wakeup wakeup_;
  PollGroup polls_;
  std::map<std::string, Waiting> waiting_;  // by account
  std::set<std::string> not_done_;
  std::string database_lost_;
  OnceResult result_;
};

}  // namespace bounced::sync
