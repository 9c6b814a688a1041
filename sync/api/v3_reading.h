// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <exception>
#include <list>
#include <optional>
#include <string>
#include <variant>

#include "sync/api/paged_list.h"
#include "sync/api/v3_calls.h"
#include "sync/wakeup.h"

namespace bounced::api {

// One read of a list of v3: asks for pages, several at once, and passes on what is sure.
class V3Reading {
 public:
  V3Reading(V3Calls& calls, std::string customer, std::optional<std::int64_t> since, Admit admit)
      : calls_(calls),
        customer_(std::move(customer)),
        is_full_(!since),
        list_(since, calls.page_capacity(), calls.oldest_of(customer_)),
        admit_(std::move(admit)),
        wakeup_(calls.executor()) {}

  boost::asio::awaitable<std::variant<ListRead, Fault>> run(Sink& sink);
  // Breaks off what is in flight. To be awaited before the end.
  boost::asio::awaitable<void> end();

 private:
  using Page = V3Calls::Page;

  struct Fetch {
    PagedList::Query query;
    bool first = false;
    boost::asio::cancellation_signal signal = {};
    std::variant<Page, Fault> outcome = {};
    std::exception_ptr error = {};
    bool ended = false;
  };

  void ask();
  boost::asio::awaitable<void> fetch(Fetch& fetch);
  void add(const ListRead& read);

  V3Calls& calls_;
  std::string customer_;
  bool is_full_;
  PagedList list_;
  Admit admit_;
  sync::Wakeup wakeup_;
  std::list<Fetch> in_flight_;
  ListRead sum_{.requests = 0};
};

}  // namespace bounced::api
