// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "db/errors.h"
#include "db/options.h"

namespace bounced::db {

class Session;  // db/session.h, which includes libpqxx

// Connections to PostgreSQL, each with a thread of its own on which its blocking calls run; coroutines await them.
//
// A connection is made when it is first needed, and anew after it broke or has been open for an hour (autovacuum does
// not see the temporary tables of its session). Work that was started is never cut short: a cancelled coroutine gets
// its result too. Waiting for a free connection can be cancelled, and is first come, first served.
//
// Everything but work itself is called, and destroyed, on the one thread that runs io.
//
// Every function throws Unavailable when the database cannot be reached or went away, InDoubt when it went away during
// a commit, std::runtime_error for what the database refused.
class Pool {
 public:
  // The io_context behind io must outlive the pool.
  Pool(boost::asio::any_io_executor io, Options options, int connections,
       std::chrono::steady_clock::duration renew_after = std::chrono::hours(1));
  // Waits for the work that runs, which still tells its coroutines. Who waits for a connection, or still holds a lease
  // and runs more, gets operation_aborted.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A connection for oneself, as long as the object lives: what one piece of work leaves in the session (a temporary
  // table) the next one finds, unless the connection broke in between, which the next one is told by Unavailable
  // (once: after that it gets a new session).
  class Lease {
   public:
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) noexcept;
    ~Lease();

    // Runs work(Session&) on the connection's thread, resumes on the io executor. One at a time.
    template <class Work>
    auto run(Work work) -> boost::asio::awaitable<std::invoke_result_t<Work&, Session&>> {
      using Result = std::invoke_result_t<Work&, Session&>;
      if constexpr (std::is_void_v<Result>) {
        co_await run_erased([&work](Session& session) { work(session); });
      } else {
        std::optional<Result> result;
        co_await run_erased([&work, &result](Session& session) { result.emplace(work(session)); });
        co_return std::move(*result);
      }
    }

   private:
    friend class Pool;
    struct State;
    explicit Lease(std::unique_ptr<State> state);
    boost::asio::awaitable<void> run_erased(std::function<void(Session&)> work);
    std::unique_ptr<State> state_;
  };

  boost::asio::awaitable<Lease> lease();
  // A lease that may be held while a slow network is waited for. At most half of the connections are lent like this.
  boost::asio::awaitable<Lease> staging_lease();

  // Runs work(Session&) on whatever connection is free.
  template <class Work>
  auto run(Work work) -> boost::asio::awaitable<std::invoke_result_t<Work&, Session&>> {
    Lease lent = co_await lease();
    co_return co_await lent.run(std::move(work));
  }

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace bounced::db
