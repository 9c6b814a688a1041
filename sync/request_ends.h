// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <vector>

#include "db/pool.h"
#include "db/requests.h"
#include "sync/events.h"
#include "sync/request_lanes.h"

namespace bounced::sync {

// A request whose call is over, or that was never sent, and what came of it.
struct EndedRequest {
  db::RequestEnd end;
  RequestLanes::Request request;
  Seconds took{};
};

// Writes the ends of requests to the database: at once, and in one transaction all that came while it wrote the last
// ones. It waits for a database that is away, and for rows that are locked.
class RequestEnds {
 public:
  // An end was written, or its claim was another's.
  using OnWritten = std::function<void(EndedRequest ended, bool claim_lost)>;

  // `changed` is called when something was written, and when nothing is left to write.
  RequestEnds(const boost::asio::any_io_executor& executor, db::Pool& pool, OnWritten on_written,
              std::function<void()> changed);

  void put(EndedRequest ended);

  [[nodiscard]] bool busy() const { return writing_; }
  // The database is back: there is no need to wait any longer.
  void hurry() { again_.cancel(); }
  // From now on it gives up where the database is away, and at the deadline where rows stay locked. What is not written
  // comes free by itself, and is sent again.
  void stop(std::chrono::steady_clock::time_point deadline);
  // Rethrows what it could not handle.
  void check() const;

 private:
  void start();
  boost::asio::awaitable<void> write_all();
  boost::asio::awaitable<bool> write_some();
  void written(std::vector<EndedRequest> batch, const db::NotFinished& rest);

  boost::asio::any_io_executor executor_;
  db::Pool& pool_;
  OnWritten on_written_;
  std::function<void()> changed_;
  std::deque<EndedRequest> waiting_;
  bool writing_ = false;
  boost::asio::steady_timer again_;
  std::optional<std::chrono::steady_clock::time_point> give_up_at_;
  std::exception_ptr broken_;
};

}  // namespace bounced::sync
