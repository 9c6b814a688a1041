// SPDX-License-Identifier: Apache-2.0
#include "sync/api/connect.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <list>
#include <utility>
#include <vector>

#include "sync/api/resolve.h"
#include "sync/api/stopped.h"
#include "sync/api/transport_error.h"
#include "sync/wakeup.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// RFC 8305, section 5: the recommended Connection Attempt Delay.
constexpr std::chrono::milliseconds next_address_after{250};

// The families of addresses in turns (RFC 8305, section 4), first of all the one that worked last, and last the one
// that gave no answer.
std::vector<tcp::endpoint> in_order(const std::vector<tcp::endpoint>& found, const Way& way) {
  std::vector<tcp::endpoint> first;
  std::vector<tcp::endpoint> second;
  for (const tcp::endpoint& endpoint : found) {
    (endpoint.protocol() == found.front().protocol() ? first : second).push_back(endpoint);
  }
  std::vector<tcp::endpoint> ordered;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) ordered.push_back(first[i]);
    if (i < second.size()) ordered.push_back(second[i]);
  }
  const auto bad = std::ranges::find(ordered, way.bad);
  if (bad != ordered.end()) std::rotate(bad, bad + 1, ordered.end());
  const auto known = std::ranges::find(ordered, way.good);
  if (known != ordered.end()) std::rotate(ordered.begin(), known, known + 1);
  return ordered;
}

struct Attempt {
  tcp::endpoint endpoint;
  std::unique_ptr<Connection> connection;
  asio::cancellation_signal signal = {};
  std::exception_ptr error = {};
  bool ended = false;
};

class Race {
 public:
  Race(const asio::any_io_executor& executor, const Destination& to, asio::ssl::context& tls,
       std::vector<tcp::endpoint> endpoints, Clock::time_point deadline)
      : executor_(executor),
        to_(to),
        tls_(tls),
        endpoints_(std::move(endpoints)),
        deadline_(deadline),
        changed_(executor) {}

  // The first that is ready; null where none is, or the coroutine was cancelled. All have ended then. It must not throw
  // by itself where it is cancelled.
  asio::awaitable<Attempt*> run() {
    Attempt* winner = nullptr;
    while (winner == nullptr) {
      const auto ready = std::ranges::find_if(attempts_, [](const Attempt& one) { return one.ended && !one.error; });
      if (ready != attempts_.end()) {
        winner = &*ready;
        break;
      }
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) break;
      const bool more = attempts_.size() < endpoints_.size();
      if (!more && running() == 0) break;
      if (more && (running() == 0 || Clock::now() >= next_at_)) {
        start();
      } else {
        co_await changed_.wait(more ? next_at_ - Clock::now() : std::chrono::hours(1));
      }
    }
    for (Attempt& one : attempts_) one.signal.emit(asio::cancellation_type::terminal);
    while (running() > 0) co_await changed_.wait_though_cancelled();
    co_return winner;
  }

  [[nodiscard]] std::exception_ptr first_error() const { return attempts_.empty() ? nullptr : attempts_.front().error; }

 private:
  void start() {
    const tcp::endpoint& endpoint = endpoints_[attempts_.size()];
    Attempt& attempt = attempts_.emplace_back();
    attempt.endpoint = endpoint;
    attempt.connection = std::make_unique<Connection>(executor_, to_, tls_);
    next_at_ = Clock::now() + next_address_after;
    asio::co_spawn(executor_, attempt.connection->open(endpoint, deadline_),
                   asio::bind_cancellation_slot(attempt.signal.slot(), [this, &attempt](std::exception_ptr error) {
                     attempt.error = std::move(error);
                     attempt.ended = true;
                     next_at_ = Clock::now();
                     changed_.wake();
                   }));
  }

  [[nodiscard]] std::ptrdiff_t running() const {
    return std::ranges::count_if(attempts_, [](const Attempt& one) { return !one.ended; });
  }

  asio::any_io_executor executor_;
  const Destination& to_;
  asio::ssl::context& tls_;
  std::vector<tcp::endpoint> endpoints_;
  Clock::time_point deadline_;
  sync::Wakeup changed_;
  std::list<Attempt> attempts_;
  Clock::time_point next_at_{};
};

}  // namespace

asio::awaitable<std::unique_ptr<Connection>> connect(asio::any_io_executor executor, Way& way, asio::ssl::context& tls,
                                                     Connection::Duration limit) {
  const auto began = Clock::now();
  co_await throw_if_stopped();
  const Destination& to = way.to;
  const std::string host = to.proxy ? to.proxy->host : to.origin.host;
  const std::uint16_t port = to.proxy ? to.proxy->port : to.origin.port;
  std::vector<tcp::endpoint> found = co_await resolve(host, port, limit);
  const auto took = std::chrono::duration_cast<Connection::Duration>(Clock::now() - began);
  co_return co_await connect_to(executor, std::move(found), way, tls, std::max(Connection::Duration(0), limit - took));
}

asio::awaitable<std::unique_ptr<Connection>> connect_to(asio::any_io_executor executor,
                                                        std::vector<tcp::endpoint> addresses, Way& way,
                                                        asio::ssl::context& tls, Connection::Duration limit) {
  Race race(executor, way.to, tls, in_order(addresses, way), Clock::now() + limit);
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  Attempt* const winner = co_await race.run();
  co_await asio::this_coro::throw_if_cancelled(throws);
  co_await throw_if_stopped();
  if (winner == nullptr) {
    if (const auto error = race.first_error()) std::rethrow_exception(error);
    throw TransportError("cannot connect to " + way.to.origin.authority + ": its name has no address");
  }
  way.good = winner->endpoint;
  co_return std::move(winner->connection);
}

}  // namespace bounced::api
