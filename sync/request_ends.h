// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "db/pool.h"
#include "db/requests.h"
#include "sync/events.h"
#include "sync/in_flight.h"
#include "sync/request_lanes.h"
#include "sync/wakeup.h"

namespace bounced::sync {

// A request whose call is over, or that was never sent, and what came of it.
struct EndedRequest {
  db::RequestEnd end;
  RequestLanes::Request request;
  Seconds took{};
};

// Writes the ends of requests to the database: at once, and in one transaction all that came while it wrote the last
// ones. It waits for a database that is away, and for rows that are locked. Ends of a customer that the database
// refuses hold up nobody else's: they wait, and are tried again and again.
class RequestEnds {
 public:
  // An end was written, or its claim was another's.
  using OnWritten = std::function<void(EndedRequest ended, bool claim_lost)>;
  // The database refuses ends of the customer, or takes them again: no call is to be made whose end cannot be written.
  using OnRefused = std::function<void(int customer_id, bool refused)>;

  // `changed` is called when something was written or refused, and when nothing is left to write.
  RequestEnds(const boost::asio::any_io_executor& executor, db::Pool& pool, InFlight& in_flight, Observer& observer,
              OnWritten on_written, OnRefused on_refused, std::function<void()> changed);

  void put(EndedRequest ended);

  [[nodiscard]] bool busy() const { return writing_; }
  // What the database said that refused some last; empty where it refuses none.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  // The database is back: there is no need to wait any longer.
  void hurry() { again_.wake(); }
  // From now on it gives up where the database is away, and at the deadline where rows stay locked or ends are refused,
  // which are tried again at once. What is not written comes free by itself, and is sent again.
  void stop(std::chrono::steady_clock::time_point deadline);
  // Rethrows what it could not handle.
  void check() const;

 private:
  void start();
  boost::asio::awaitable<void> write_all();
  using Batch = std::vector<EndedRequest>;
  struct Refused {
    std::deque<EndedRequest> ends;
    int failures = 0;  // in a row
    std::chrono::steady_clock::time_point again_at{};
  };

  [[nodiscard]] Batch take_batch();
  boost::asio::awaitable<bool> write_some();
  boost::asio::awaitable<bool> write(Batch& batch);
  boost::asio::awaitable<void> write_each(Batch batch);
  boost::asio::awaitable<void> retry_refused();
  void written(Batch batch, const db::NotFinished& rest);
  void accept(int customer);
  void refuse(Batch batch, const std::string& why);
  [[nodiscard]] Seconds until_retry() const;

  boost::asio::any_io_executor executor_;
  db::Pool& pool_;
  InFlight& in_flight_;
  OnWritten on_written_;
  std::function<void()> changed_;
  Observer& observer_;
  OnRefused on_refused_;
  std::deque<EndedRequest> waiting_;
  std::map<int, Refused> refused_;  // by customer
  std::string refusal_;
  bool writing_ = false;
  Wakeup again_;
  std::optional<std::chrono::steady_clock::time_point> give_up_at_;
  std::exception_ptr broken_;
};

}  // namespace bounced::sync
