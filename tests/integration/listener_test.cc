// SPDX-License-Identifier: Apache-2.0
#include "db/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "db/errors.h"
#include "tests/support/cluster.h"
#include "tests/support/run.h"

namespace asio = boost::asio;

namespace bounced::db {
namespace {

using asio::awaitable;
using test::Cluster;
using testing::ElementsAre;

// A listener on a cluster, and what it has told.
class Heard {
 public:
  Heard(asio::any_io_executor io, const std::string& url)
      : changed_(io),
        listener_(io, {.url = url, .application = "bounced test: listen"}, {"wake", "Mixed Case"},
                  {.connected = [this] { add("connected"); },
                   .notified = [this](const std::string& channel,
                                      const std::string& payload) { add(channel + ":" + payload); },
                   .lost = [this](const std::string&) { add("lost"); }}) {
    asio::co_spawn(io, listener_.run(std::chrono::milliseconds(10)),
                   asio::bind_cancellation_slot(stop_.slot(), [this](std::exception_ptr e) {
                     error = e;
                     add("ended");
                   }));
  }

  awaitable<void> wait_for(std::size_t count) {
    while (events.size() < count) {
      changed_.expires_at(std::chrono::steady_clock::time_point::max());
      boost::system::error_code ignored;
      co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }

  void stop() { stop_.emit(asio::cancellation_type::terminal); }

  std::vector<std::string> events;
  std::exception_ptr error;

 private:
  void add(const std::string& event) {
    events.push_back(event);
    changed_.cancel();
  }

  asio::steady_timer changed_;
  asio::cancellation_signal stop_;
  Listener listener_;
};

void terminate_listener(const std::string& url) {
  test::execute(url,
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
                "where application_name = 'bounced test: listen' and datname = current_database()");
}

class ListenerTest : public testing::Test {
 protected:
  Cluster& cluster = Cluster::shared();
  const std::string url = cluster.create_database(Cluster::Schema::none);
};

TEST_F(ListenerTest, TellsNotifications) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Heard heard(io, url);
    co_await heard.wait_for(1);
    test::execute(url, "notify wake, 'one'; notify \"Mixed Case\"; notify other");
    co_await heard.wait_for(3);
    test::execute(url, "notify wake, 'two'");
    co_await heard.wait_for(4);
    EXPECT_THAT(heard.events, ElementsAre("connected", "wake:one", "Mixed Case:", "wake:two"));
    heard.stop();
    co_await heard.wait_for(5);
    EXPECT_EQ(heard.events.back(), "ended");
  });
}

TEST_F(ListenerTest, ConnectsAgainAndTells) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Heard heard(io, url);
    co_await heard.wait_for(1);
    terminate_listener(url);
    co_await heard.wait_for(3);
    test::execute(url, "notify wake, 'after'");
    co_await heard.wait_for(4);
    EXPECT_THAT(heard.events, ElementsAre("connected", "lost", "connected", "wake:after"));
    heard.stop();
    co_await heard.wait_for(5);
  });
}

TEST_F(ListenerTest, WaitsForAServerThatIsAway) {
  Cluster own;
  const std::string own_url = own.url();
  own.stop();
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Heard heard(io, own_url);
    co_await heard.wait_for(1);
    own.start();
    co_await heard.wait_for(2);
    EXPECT_THAT(heard.events, ElementsAre("lost", "connected"));  // told once, however often it was tried
    heard.stop();
    co_await heard.wait_for(3);
  });
}

TEST_F(ListenerTest, EndsWhereOnlyAPersonCanHelp) {
  test::run([&](asio::any_io_executor io) -> awaitable<void> {
    Heard heard(io, cluster.url("nowhere"));
    co_await heard.wait_for(1);
    EXPECT_THAT(heard.events, ElementsAre("ended"));
    EXPECT_THROW(std::rethrow_exception(heard.error), NeedsAction);
  });
}

}  // namespace
}  // namespace bounced::db
