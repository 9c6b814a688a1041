// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

namespace bounced::test {

// Long enough for the slowest sanitizer build on a busy machine: only a hang takes it.
inline constexpr std::chrono::seconds hang{60};

namespace detail {
template <class T>
struct awaited;
template <class T>
struct awaited<boost::asio::awaitable<T>> {
  using type = T;
};
}  // namespace detail

// Runs the coroutine body(executor) to its end on an io_context of its own, and gives its result. A body that does not
// end fails the test by an exception. What it has spawned besides ends with the io_context.
template <class Body>
auto run(Body body, std::chrono::seconds limit = hang) {
  using Result = typename detail::awaited<std::invoke_result_t<Body&, boost::asio::any_io_executor>>::type;
  boost::asio::io_context io(1);
  bool ended = false;
  std::exception_ptr error;
  const auto drive = [&] {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!ended && io.run_one_until(deadline) > 0) continue;
    if (!ended) throw std::runtime_error("the coroutine did not end within " + std::to_string(limit.count()) + " s");
    if (error) std::rethrow_exception(error);
  };
  if constexpr (std::is_void_v<Result>) {
    boost::asio::co_spawn(io, body(io.get_executor()), [&](std::exception_ptr e) {
      error = e;
      ended = true;
    });
    drive();
  } else {
    std::optional<Result> result;
    boost::asio::co_spawn(io, body(io.get_executor()), [&](std::exception_ptr e, Result value) {
      error = e;
      ended = true;
      if (!e) result.emplace(std::move(value));
    });
    drive();
    return std::move(*result);
  }
}

// For what no event tells, and only for that: looks every 10 ms until it is so.
inline void wait_until(const std::function<bool()>& so, const std::string& what) {
  const auto deadline = std::chrono::steady_clock::now() + hang;
  while (!so()) {
    if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("this did not come true: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace bounced::test
