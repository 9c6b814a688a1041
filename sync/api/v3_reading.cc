// SPDX-License-Identifier: Apache-2.0
#include "sync/api/v3_reading.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <utility>
#include <vector>

#include "sync/api/stopped.h"

namespace bounced::api {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// A page in the midst of a read that fails is asked for again: a list of a thousand pages would never be read else.
constexpr int most_page_tries = 4;
constexpr std::chrono::seconds first_pause = 1s;
// A limit passes: it is waited out, as long as all of that takes no longer than V3Calls::longest_wait.
constexpr std::chrono::seconds longest_pause_of_page = 15s;

}  // namespace

void V3Reading::ask() {
  while (true) {
    const bool one_more = !in_flight_.empty() && calls_.one_more_page();
    if (!in_flight_.empty() && !one_more) return;
    const auto query = list_.next(one_more);
    if (!query) return;
    Fetch& started = in_flight_.emplace_back();
    started.query = *query;
    started.first = sum_.requests == 0;
    ++sum_.requests;
    calls_.page_begins();
    asio::co_spawn(calls_.executor(), fetch(started),
                   asio::bind_cancellation_slot(started.signal.slot(), [this, &started](std::exception_ptr error) {
                     calls_.page_ended();
                     started.error = std::move(error);
                     started.ended = true;
                     wakeup_.wake();
                   }));
  }
}

asio::awaitable<void> V3Reading::fetch(Fetch& fetch) {
  using Clock = std::chrono::steady_clock;
  sync::Wakeup pause(calls_.executor());
  std::optional<Clock::time_point> limited_until;  // when the read is given up for a limit
  for (int tries = 1, failures = 0;; ++tries) {
    fetch.outcome = co_await calls_.read_page(customer_, fetch.query,
                                              fetch.first ? V3Calls::Room::now : V3Calls::Room::wait, admit_);
    const auto* fault = std::get_if<Fault>(&fetch.outcome);
    // What the first page meets is met before anything was gained.
    if (fault == nullptr || fetch.first) co_return;
    const bool limited = fault->kind == Fault::Kind::rate_limited;
    if (!limited && (fault->kind != Fault::Kind::unavailable || ++failures == most_page_tries)) co_return;
    const auto now = Clock::now();
    if (limited && !limited_until) limited_until = now + V3Calls::longest_wait;
    const auto grown =
        std::min<std::chrono::seconds>(first_pause * (1 << std::min(tries - 1, 4)), longest_pause_of_page);
    const auto rest = std::max(fault->retry_after.value_or(0s), grown);
    if (rest > V3Calls::longest_wait || (limited && now + rest > *limited_until)) co_return;
    co_await pause.wait(rest);
    co_await throw_if_stopped();
    ++sum_.requests;
  }
}

void V3Reading::add(const ListRead& read) {
  sum_.without_email += read.without_email;
  sum_.too_long += read.too_long;
  sum_.bytes += read.bytes;
}

asio::awaitable<std::variant<ListRead, Fault>> V3Reading::run(Sink& sink) {
  std::vector<db::ListedBounce> batch;
  std::size_t size = 0;  // of the batch
  std::uint64_t total = 0;
  for (ask(); !in_flight_.empty(); ask()) {
    const auto done = std::ranges::find_if(in_flight_, [](const Fetch& one) { return one.ended; });
    if (done == in_flight_.end()) {
      co_await wakeup_.wait();
      co_await throw_if_stopped();
      continue;
    }
    const PagedList::Query query = done->query;
    const std::exception_ptr error = done->error;
    std::variant<Page, Fault> outcome = std::move(done->outcome);
    in_flight_.erase(done);
    if (error) std::rethrow_exception(error);
    if (auto* fault = std::get_if<Fault>(&outcome)) co_return std::move(*fault);
    Page& page = std::get<Page>(outcome);
    add(page.read);
    std::string not_understood;
    std::vector<db::ListedBounce> sure;
    try {
      sure = list_.take(query, std::move(page.page));
    } catch (const PagedList::NotUnderstood& why) {
      not_understood = why.what();
    }
    if (!not_understood.empty()) {
      co_return calls_.not_understood(not_understood);
    }
    sum_.entries += sure.size();
    for (db::ListedBounce& bounce : sure) {
      size += db::size_of(bounce);
      total += db::size_of(bounce);
      batch.push_back(std::move(bounce));
    }
    if (total > calls_.caller().max_list_bytes()) {
      co_return calls_.not_understood("the list is longer than polling.max_list_bytes allows");
    }
    if (size < batch_bytes / 2) continue;
    ask();  // while the sink is at work
    co_await sink.put(std::exchange(batch, {}));
    size = 0;
    co_await throw_if_stopped();
  }
  if (!batch.empty()) co_await sink.put(std::move(batch));
  co_await throw_if_stopped();
  sum_.unproven = list_.unproven();
  sum_.by_time = !list_.is_one_page();
  if (is_full_) calls_.note_oldest(customer_, list_.unproven().empty() ? list_.oldest() : std::nullopt);
  co_return calls_.caller().checked(calls_.caller().base_path() + V3Calls::bounces_path, sum_);
}

asio::awaitable<void> V3Reading::end() {
  for (Fetch& fetch : in_flight_) fetch.signal.emit(asio::cancellation_type::terminal);
  while (std::ranges::any_of(in_flight_, [](const Fetch& fetch) { return !fetch.ended; })) {
    co_await wakeup_.wait_though_cancelled();
  }
}

}  // namespace bounced::api
