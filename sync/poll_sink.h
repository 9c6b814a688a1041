// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "classify/classifier.h"
#include "db/list_print.h"
#include "db/list_spool.h"
#include "db/mirror.h"
#include "db/pool.h"
#include "sync/api/client.h"
#include "sync/events.h"

namespace bounced::sync {

// Takes one customer's list on its way from the API to the mirror. A short list is kept in memory until it is whole, so
// that a slow API holds no connection to the database; a longer one is staged there while it arrives: one part is
// copied while the next one is read, and a database that is slower holds up the reading. A long list of a customer with
// bounces waits in a file instead, since most of it will be what the mirror has.
class PollSink final : public api::Sink {
 public:
  PollSink(db::Pool& pool, const db::Claim& claim, std::shared_ptr<const classify::Classifier> classifier,
           Observer& observer);

  // Throws what db::stage threw, of an earlier part too, and what ListSpool throws.
  boost::asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override;

  // Merges the list, which must be known to be at its end; its print is added. Throws what db::stage and
  // db::merge_staged throw.
  boost::asio::awaitable<std::variant<db::Merged, db::NotMerged>> merge(const db::ListFacts& read);

 private:
  using Batches = std::vector<std::vector<db::ListedBounce>>;
  struct Staging;

  boost::asio::awaitable<void> pass_on();
  boost::asio::awaitable<void> stage();

  db::Pool& pool_;
  const db::Claim& claim_;
  std::shared_ptr<const classify::Classifier> classifier_;
  Observer& observer_;
  db::EntryPrinter entry_print_;
  db::ListPrint print_;    // of a list that is not spooled
  Batches batches_;        // not passed on yet
  std::size_t bytes_ = 0;  // of batches_, about
  bool has_instants_ = false;
  std::optional<db::ListSpool> spool_;
  // Of a long list. What runs at the database keeps it, whatever becomes of the poll.
  std::shared_ptr<Staging> staging_;
};

}  // namespace bounced::sync
