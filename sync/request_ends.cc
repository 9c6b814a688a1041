// SPDX-License-Identifier: Apache-2.0
#include "sync/request_ends.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
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
// Somebody merges a list of the customer: its ends wait. Or somebody keeps a row locked, for as long as they like.
constexpr Backoff busy_pause{20ms, 1s};

}  // namespace

RequestEnds::RequestEnds(const asio::any_io_executor& executor, db::Pool& pool, InFlight& in_flight, Observer& observer,
                         OnWritten on_written, OnRefused on_refused, std::function<void()> changed)
    : executor_(executor),
      pool_(pool),
      in_flight_(in_flight),
      on_written_(std::move(on_written)),
      changed_(std::move(changed)),
      observer_(observer),
      on_refused_(std::move(on_refused)),
      again_(executor) {}

void RequestEnds::put(EndedRequest ended) {
  const auto refused = refused_.find(ended.end.claim.customer_id);
  (refused == refused_.end() ? waiting_ : refused->second.ends).push_back(std::move(ended));
  start();
}

void RequestEnds::start() {
  if (std::exchange(writing_, true)) return;
  asio::co_spawn(executor_, write_all(), [this](const std::exception_ptr& error) {
    writing_ = false;
    if (error) {
      broken_ = error;
    } else if (!waiting_.empty() || !refused_.empty()) {
      start();  // what was put after the loop had ended, and before this was called
    }
    changed_();
  });
}

void RequestEnds::stop(Clock::time_point deadline) {
  give_up_at_ = deadline;
  for (auto& [customer, refused] : refused_) refused.again_at = Clock::now();
  again_.wake();
}

void RequestEnds::check() const {
  if (broken_) std::rethrow_exception(broken_);
}

asio::awaitable<void> RequestEnds::write_all() {
  for (int losses = 0, rounds = 0; !waiting_.empty() || !refused_.empty();) {
    bool progress = false;
    bool lost = false;
    try {
      progress = co_await write_some();
      co_await retry_refused();
    } catch (const std::exception& error) {
      if (!db::is_absence(error)) throw;
      lost = true;
    }
    losses = lost ? losses + 1 : 0;
    rounds = progress ? 0 : rounds + 1;
    if (give_up_at_ && (lost || (!progress && Clock::now() >= *give_up_at_))) {
      waiting_.clear();
      refused_.clear();
      co_return;
    }
    if (progress || (waiting_.empty() && refused_.empty())) continue;
    Seconds pause = waiting_.empty() ? until_retry() : std::min(busy_pause.delay(rounds), until_retry());
    if (lost) pause = database_retry.delay(losses);
    if (give_up_at_) pause = std::clamp<Seconds>(*give_up_at_ - Clock::now(), 0s, pause);
    co_await again_.wait(pause);
  }
}

RequestEnds::Batch RequestEnds::take_batch() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), most_ends));
  Batch batch(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.begin() + count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  return batch;
}

// Whether any could be written.
asio::awaitable<bool> RequestEnds::write_some() {
  Batch batch = take_batch();
  if (batch.empty()) co_return false;
  bool refused = false;
  bool progress = false;
  std::exception_ptr absence;
  try {
    progress = co_await write(batch);
  } catch (const std::exception& error) {
    refused = db::is_database_fault(error) && !db::is_absence(error);
    if (!refused) absence = std::current_exception();
  }
  if (refused) {
    co_await write_each(std::move(batch));
    co_return true;
  }
  if (absence) {
    waiting_.insert(waiting_.begin(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    std::rethrow_exception(absence);
  }
  co_return progress;
}

// Takes the batch only if it returns.
asio::awaitable<bool> RequestEnds::write(Batch& batch) {
  std::vector<db::RequestEnd> ends;
  for (const EndedRequest& ended : batch) ends.push_back(ended.end);
  const auto finish = [&ends](db::Session& session) { return db::finish_requests(session, ends); };
  InFlight::Entry flight = in_flight_.begin("write of ends", std::to_string(ends.size()));
  flight.waits_for("the database", database_budget);
  const db::NotFinished rest = co_await pool_.run(finish);
  written(std::move(batch), rest);
  co_return rest.busy.size() < ends.size();
}

// Finds out whose ends are refused.
asio::awaitable<void> RequestEnds::write_each(Batch batch) {
  std::map<int, Batch> customers;
  for (EndedRequest& ended : batch) customers[ended.end.claim.customer_id].push_back(std::move(ended));
  std::exception_ptr absence;
  for (auto& [customer, ends] : customers) {
    std::string why;
    try {
      if (!absence) co_await write(ends);
    } catch (const std::exception& error) {
      why = error.what();
      if (db::is_absence(error) || !db::is_database_fault(error)) absence = std::current_exception();
    }
    if (absence) {
      std::move(ends.begin(), ends.end(), std::back_inserter(waiting_));
    } else if (!why.empty()) {
      refuse(std::move(ends), why);
    }
  }
  if (absence) std::rethrow_exception(absence);
}

void RequestEnds::refuse(Batch batch, const std::string& why) {
  const int customer = batch.front().end.claim.customer_id;
  Refused& refused = refused_[customer];
  const Seconds pause = database_retry.delay(++refused.failures);
  refused.again_at = Clock::now() + std::chrono::duration_cast<Clock::duration>(pause);
  std::move(batch.begin(), batch.end(), std::back_inserter(refused.ends));
  refusal_ = why;
  on_refused_(customer, true);
  observer_.on(WorkRefused{"ends of deletions", why, pause});
  changed_();
}

// Those whose time has come, one customer after the other.
asio::awaitable<void> RequestEnds::retry_refused() {
  std::vector<int> due;
  for (const auto& [customer, refused] : refused_) {
    if (refused.again_at <= Clock::now()) due.push_back(customer);
  }
  for (const int customer : due) {
    Refused& refused = refused_.at(customer);
    const auto count = static_cast<std::ptrdiff_t>(std::min(refused.ends.size(), most_ends));
    Batch batch(std::make_move_iterator(refused.ends.begin()), std::make_move_iterator(refused.ends.begin() + count));
    refused.ends.erase(refused.ends.begin(), refused.ends.begin() + count);
    std::string why;
    std::exception_ptr absence;
    try {
      co_await write(batch);
    } catch (const std::exception& error) {
      why = error.what();
      if (db::is_absence(error) || !db::is_database_fault(error)) absence = std::current_exception();
    }
    if (absence) {
      std::move(batch.begin(), batch.end(), std::back_inserter(refused.ends));
      std::rethrow_exception(absence);
    }
    if (why.empty()) {
      accept(customer);
    } else {
      refuse(std::move(batch), why);
    }
  }
}

// What came meanwhile is written as usual.
void RequestEnds::accept(int customer) {
  auto refused = refused_.extract(customer);
  std::move(refused.mapped().ends.begin(), refused.mapped().ends.end(), std::back_inserter(waiting_));
  on_refused_(customer, false);
  if (refused_.empty()) {
    refusal_.clear();
    observer_.on(WorkAccepted{"ends of deletions"});
  }
  changed_();
}

Seconds RequestEnds::until_retry() const {
  Clock::time_point first = Clock::time_point::max();
  for (const auto& [customer, refused] : refused_) first = std::min(first, refused.again_at);
  if (refused_.empty()) return 1h;
  return std::max<Seconds>(first - Clock::now(), 0s);
}

void RequestEnds::written(Batch batch, const db::NotFinished& rest) {
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
