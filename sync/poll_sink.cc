// SPDX-License-Identifier: Apache-2.0
#include "sync/poll_sink.h"

#include <utility>

namespace bounced::sync {
namespace {

// About 15,000 bounces. Eight polls at once keep at most 32 MB of short lists.
constexpr std::size_t short_list_bytes = 4 << 20;
// A COPY of this much costs far more than its transaction.
constexpr std::size_t stage_bytes = 1 << 20;

std::size_t size_of(const std::vector<db::ListedBounce>& batch) {
  std::size_t bytes = 0;
  for (const auto& bounce : batch) {
    bytes += sizeof bounce + bounce.email.size() + bounce.status.size() + bounce.reason.size();
  }
  return bytes;
}

}  // namespace

PollSink::PollSink(db::Pool& pool, const db::Claim& claim, Observer& observer)
    : pool_(pool), claim_(claim), observer_(observer) {}

boost::asio::awaitable<void> PollSink::put(std::vector<db::ListedBounce>&& batch) {
  observer_.on(ListProgress{claim_.customer, batch.size()});
  bytes_ += size_of(batch);
  batches_.push_back(std::move(batch));
  if (bytes_ > (lease_ ? stage_bytes : short_list_bytes)) co_await stage();
}

boost::asio::awaitable<void> PollSink::stage() {
  if (!lease_) {
    lease_ = co_await pool_.staging_lease();
    co_await lease_->run(db::begin_staging);
  }
  co_await lease_->run([this](db::Session& session) { db::stage(session, claim_, batches_); });
  batches_.clear();
  bytes_ = 0;
}

boost::asio::awaitable<std::variant<db::Merged, db::NotMerged>> PollSink::merge(const db::ListFacts& list) {
  if (!lease_) {
    co_return co_await pool_.run(
        [&](db::Session& session) { return db::merge_short(session, claim_, list, batches_); });
  }
  if (!batches_.empty()) co_await stage();
  co_return co_await lease_->run([&](db::Session& session) { return db::merge_staged(session, claim_, list); });
}

}  // namespace bounced::sync
