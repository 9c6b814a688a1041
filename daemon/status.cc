// SPDX-License-Identifier: Apache-2.0
#include "db/status.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "config/load.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/health.h"
#include "daemon/status_view.h"
#include "daemon/wiring.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;

// Monitoring systems wait about half a minute.
constexpr std::chrono::seconds answer_within{20};

int tell(const Health& health) {
  fmt::print("{}\n", health.line);
  std::fflush(stdout);
  return health.state;
}

// Whatever keeps it from the answer means down: who monitors wants one line and a code.
int check_health(const std::filesystem::path& config_file) {
  try {
    asio::io_context io(1);
    db::Pool pool(io.get_executor(), reading_options_of("status", config_file), 1);
    asio::steady_timer limit(io, answer_within);
    limit.async_wait([](const boost::system::error_code& cancelled) {
      // What waits for the database cannot be broken off.
      if (!cancelled) std::_Exit(tell(down("the database does not answer")));
    });
    db::Status status;
    std::exception_ptr failure;
    const auto read = [&status](db::Session& session) { status = db::read_status(session); };
    asio::co_spawn(io, pool.run(read), [&](std::exception_ptr error) {
      failure = std::move(error);
      limit.cancel();
    });
    io.run();
    if (failure) std::rethrow_exception(failure);
    return tell(health_of(status));
  } catch (const config::Invalid& error) {
    return tell(down(std::string("the configuration: ") + error.what()));
  } catch (const std::exception& error) {
    return tell(down(std::string("the database: ") + error.what()));
  }
}

}  // namespace

int status(const std::filesystem::path& config_file, const StatusOptions& options) {
  if (options.check) return check_health(config_file);
  db::Status status;
  with_session(reading_options_of("status", config_file),
               [&](db::Session& session) { status = db::read_status(session); });
  fmt::print("{}", options.json ? status_json(status) : status_text(status, options.queue));
  return well;
}

}  // namespace bounced::daemon
