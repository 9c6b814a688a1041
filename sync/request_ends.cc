// SPDX-License-Identifier: Apache-2.0
#include "sync/request_ends.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <set>
#include <utility>

#include "db/errors.h"
#include "sync/backoff.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// More ends in one transaction gain nothing, and would hold locks for longer.
constexpr std::size_t most_ends = 256;
// Somebody merges a list of the customer: its ends wait.
constexpr Seconds busy_pause = 20ms;

}  // namespace

RequestEnds::RequestEnds(const asio::any_io_executor& executor, db::Pool& pool, OnWritten on_written,
                         std::function<void()> changed)
    : executor_(executor),
      pool_(pool),
      on_written_(std::move(on_written)),
      changed_(std::move(changed)),
      again_(executor) {}

void RequestEnds::put(EndedRequest ended) {
  waiting_.push_back(std::move(ended));
  start();
}

void RequestEnds::start() {
  if (std::exchange(writing_, true)) return;
  asio::co_spawn(executor_, write_all(), [this](const std::exception_ptr& error) {
    writing_ = false;
    if (error) {
      broken_ = error;
    } else if (!waiting_.empty()) {
      start();  // what was put after the loop had ended, and before this was called
    }
    changed_();
  });
}

void RequestEnds::stop(Clock::time_point deadline) {
  give_up_at_ = deadline;
  again_.cancel();
}

void RequestEnds::check() const {
  if (broken_) std::rethrow_exception(broken_);
}

asio::awaitable<void> RequestEnds::write_all() {
  for (int failures = 0; !waiting_.empty();) {
    bool progress = false;
    bool lost = false;
    try {
      progress = co_await write_some();
    } catch (const std::exception& error) {
      if (!db::is_database_fault(error)) throw;
      lost = true;
    }
    failures = lost ? failures + 1 : 0;
    if (give_up_at_ && (lost || (!progress && Clock::now() > *give_up_at_))) {
      waiting_.clear();
      co_return;
    }
    if (progress) continue;
    again_.expires_after(
        std::chrono::duration_cast<Clock::duration>(lost ? database_retry.delay(failures) : busy_pause));
    co_await again_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

// Whether any could be written.
asio::awaitable<bool> RequestEnds::write_some() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), most_ends));
  std::vector<db::RequestEnd> ends;
  for (auto it = waiting_.begin(); it != waiting_.begin() + count; ++it) ends.push_back(it->end);
  const db::NotFinished rest =
      co_await pool_.run([&](db::Session& session) { return db::finish_requests(session, ends); });
  std::vector<EndedRequest> batch(std::make_move_iterator(waiting_.begin()),
                                  std::make_move_iterator(waiting_.begin() + count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  written(std::move(batch), rest);
  co_return rest.busy.size() < ends.size();
}

void RequestEnds::written(std::vector<EndedRequest> batch, const db::NotFinished& rest) {
  const std::set<std::size_t> busy(rest.busy.begin(), rest.busy.end());
  const std::set<std::size_t> lost(rest.lost.begin(), rest.lost.end());
  for (std::size_t place = 0; place < batch.size(); ++place) {
    if (busy.contains(place)) {
      waiting_.push_back(std::move(batch[place]));
    } else {
      on_written_(std::move(batch[place]), lost.contains(place));
    }
  }
  changed_();
}

}  // namespace bounced::sync
