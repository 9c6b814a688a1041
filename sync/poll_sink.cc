// SPDX-License-Identifier: Apache-2.0
#include "sync/poll_sink.h"

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "sync/wakeup.h"

namespace bounced::sync {
namespace {

// About 15,000 bounces. Eight polls at once keep at most 32 MB of short lists.
constexpr std::size_t short_list_bytes = 4 << 20;
// A COPY of this much costs far more than its transaction. Twice that is in memory: one part is copied, one is read.
constexpr std::size_t stage_bytes = 4 << 20;

std::size_t size_of(const std::vector<db::ListedBounce>& batch) {
  std::size_t bytes = 0;
  for (const auto& bounce : batch) bytes += db::size_of(bounce);
  return bytes;
}

}  // namespace

struct PollSink::Staging {
  Staging(const boost::asio::any_io_executor& executor, db::Claim of, std::shared_ptr<const classify::Classifier> by)
      : claim(std::move(of)), classifier(std::move(by)), ended(executor) {}

  static boost::asio::awaitable<void> run(std::shared_ptr<Staging> self) {
    co_await self->lease->run(
        [&](db::Session& session) { db::stage(session, self->claim, self->batches, *self->classifier); });
  }

  // Waits for the part that is being copied, which is not broken off where the poll is.
  boost::asio::awaitable<void> end() {
    while (running) co_await ended.wait_though_cancelled();
    if (error) std::rethrow_exception(error);
  }

  const db::Claim claim;
  const std::shared_ptr<const classify::Classifier> classifier;
  std::optional<db::Pool::Lease> lease;  // of the session where the list is staged
  Batches batches;                       // being copied
  Wakeup ended;
  bool running = false;
  std::exception_ptr error;
};

PollSink::PollSink(db::Pool& pool, const db::Claim& claim, std::shared_ptr<const classify::Classifier> classifier,
                   Observer& observer)
    : pool_(pool), claim_(claim), classifier_(std::move(classifier)), observer_(observer) {}

boost::asio::awaitable<void> PollSink::put(std::vector<db::ListedBounce>&& batch) {
  observer_.on(ListProgress{claim_.customer, batch.size()});
  if (!spool_) {
    for (const db::ListedBounce& bounce : batch) print_ += entry_print_(bounce);
  }
  has_instants_ = has_instants_ || std::ranges::any_of(batch, [](const db::ListedBounce& bounce) {
                    return std::holds_alternative<db::Instant>(bounce.created);
                  });
  bytes_ += size_of(batch);
  batches_.push_back(std::move(batch));
  if (bytes_ > (staging_ || spool_ ? stage_bytes : short_list_bytes)) co_await pass_on();
}

boost::asio::awaitable<void> PollSink::pass_on() {
  if (!staging_ && !spool_ && claim_.full && claim_.has_bounces) spool_.emplace();
  if (!spool_) co_return co_await stage();
  for (const auto& part : batches_) spool_->write(part);
  batches_.clear();
  bytes_ = 0;
}

// Begins to copy what has come, when the part before is there.
boost::asio::awaitable<void> PollSink::stage() {
  const auto executor = co_await boost::asio::this_coro::executor;
  if (staging_) {
    co_await staging_->end();
  } else {
    const auto staging = std::make_shared<Staging>(executor, claim_, classifier_);
    staging->lease = co_await pool_.staging_lease();
    co_await staging->lease->run(db::begin_staging);
    staging_ = staging;
  }
  staging_->batches = std::exchange(batches_, {});
  bytes_ = 0;
  staging_->running = true;
  boost::asio::co_spawn(executor, Staging::run(staging_), [staging = staging_](std::exception_ptr error) {
    staging->error = std::move(error);
    staging->running = false;
    staging->ended.wake();
  });
}

boost::asio::awaitable<std::variant<db::Merged, db::NotMerged>> PollSink::merge(const db::ListFacts& read) {
  db::ListFacts list = read;
  list.has_instants = has_instants_;
  list.classifier = classifier_;
  if (spool_) {
    co_await pass_on();
    list.print = spool_->parts().whole().text();
    auto same = co_await pool_.run([&](db::Session& session) { return db::finish_if_same(session, claim_, list); });
    if (same) co_return *std::move(same);
    db::Pool::Lease lease = co_await pool_.staging_lease();
    co_return co_await lease.run(
        [&](db::Session& session) { return db::merge_spooled(session, claim_, list, *spool_); });
  }
  list.print = print_.text();
  if (!staging_) {
    co_return co_await pool_.run(
        [&](db::Session& session) { return db::merge_short(session, claim_, list, batches_); });
  }
  if (!batches_.empty()) co_await stage();
  co_await staging_->end();
  co_return co_await staging_->lease->run(
      [&](db::Session& session) { return db::merge_staged(session, claim_, list); });
}

}  // namespace bounced::sync
