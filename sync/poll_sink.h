// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "db/mirror.h"
#include "db/pool.h"
#include "sync/api/client.h"
#include "sync/events.h"

namespace bounced::sync {

// Takes one customer's list on its way from the API to the mirror. A short list is kept in memory until it is whole, so
// that a slow API holds no connection to the database; a longer one is staged there while it arrives.
class PollSink final : public api::Sink {
 public:
  PollSink(db::Pool& pool, const db::Claim& claim, Observer& observer);

  // Throws what db::stage throws.
  boost::asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override;

  // Merges the list, which must be known to be at its end. Throws what db::merge_staged throws.
  boost::asio::awaitable<std::variant<db::Merged, db::NotMerged>> merge(const db::ListFacts& list);

 private:
  boost::asio::awaitable<void> stage();

  db::Pool& pool_;
  const db::Claim& claim_;
  Observer& observer_;
  std::vector<std::vector<db::ListedBounce>> batches_;  // not staged yet
  std::size_t bytes_ = 0;                               // of batches_, about
  std::optional<db::Pool::Lease> lease_;                // of the session where the list is staged
};

}  // namespace bounced::sync
