// SPDX-License-Identifier: Apache-2.0
// Deletion requests and the whole program: kills, outages, several daemons, sync and status.
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using Clock = std::chrono::steady_clock;

struct OwnCluster {
  Cluster cluster;
};

class Deletions : private OwnCluster, public Service {
 protected:
  Deletions() : Service(OwnCluster::cluster.create_database(Cluster::Schema::none)) {}
  using OwnCluster::cluster;

  // Customers with so many bounces each, mirrored once.
  void mirror_customers(int customers, std::uint64_t bounces, const std::string& top = "polling: {every: 24h}") {
    Settings settings{.customers = "[", .top = top};
    for (int i = 0; i < customers; ++i) {
      const std::string name = fmt::format("c{}", i);
      settings.customers += (i > 0 ? ", " : "") + name;
      api.generate(name, 40 + static_cast<std::uint64_t>(i), bounces);
    }
    settings.customers += "]";
    configure(settings);
    ASSERT_THAT(run({"sync"}), ended_with(0));
    api.forget_calls();
  }
  void queue_listed(int most) {
    execute(url(),
            fmt::format("insert into bounced.deletion_requests (customer, email) select customer, email from "
                        "(select distinct customer, email from bounced.current_bounces b where not exists (select "
                        "from bounced.deletion_requests r where r.customer = b.customer and r.email = b.email)) s "
                        "order by email limit {}",
                        most));
  }
  std::string count_of(const std::string& state) const {
    return value(fmt::format("select count(*) from bounced.deletion_requests where state = '{}'", state));
  }
  bool drained() const {
    return value("select not exists (select from bounced.deletion_requests where state in ('pending', 'sending'))") ==
           "t";
  }
  void wait_drained() const {
    wait_until([&] { return drained(); }, "all requests are carried out");
  }
  // Calls, by address.
  std::map<std::string, int> deletion_calls() const {
    std::map<std::string, int> calls;
    for (const auto& call : api.calls()) {
      if (call.task() == "delete") ++calls[call.customer() + " " + call.parameter("email")];
    }
    return calls;
  }
  // Every request ended by the API's answer, and list and mirror agree with it.
  void expect_all_carried_out(int requests) {
    EXPECT_EQ(count_of("done"), std::to_string(requests));
    EXPECT_EQ(
        value(
            "select count(*) from bounced.deletion_requests where outcome = 'not_listed' and interruptions + attempts "
            "= 0"),
        "0");
    EXPECT_EQ(
        value("select count(*) from bounced.current_bounces join bounced.deletion_requests using (customer, email)"),
        "0");
    EXPECT_EQ(
        value("select count(*) from bounced.bounces where gone_because is distinct from 'deleted' and gone_at is not "
              "null"),
        "0");
    const auto calls = deletion_calls();
    EXPECT_EQ(calls.size(), static_cast<std::size_t>(requests));
    std::size_t left = 0;
    for (const std::string& customer : api.customers()) left += api.size(customer);
    EXPECT_EQ(std::to_string(left - api.size("a@example.com")), value("select count(*) from bounced.current_bounces"));
  }
  int sent_again() const {
    int again = 0;
    for (const auto& [address, times] : deletion_calls()) again += times - 1;
    return again;
  }
};

// The daemon is killed again and again with calls in flight, while more is queued. BOUNCED_KILLS and BOUNCED_SEED make
// it longer and other.
TEST_F(Deletions, KillsLoseNothing) {
  const char* const kills_text = std::getenv("BOUNCED_KILLS");
  const char* const seed_text = std::getenv("BOUNCED_SEED");
  const int kills = kills_text != nullptr ? std::atoi(kills_text) : 10;
  const auto seed = seed_text != nullptr ? static_cast<unsigned>(std::atoi(seed_text)) : 1U;
  std::mt19937 random(seed);
  const auto any = [&](int least, int most) { return std::uniform_int_distribution(least, most)(random); };
  mirror_customers(5, static_cast<std::uint64_t>(kills) * 25 + 100);
  api.set_hook([](const simulator::Call& call) -> std::optional<simulator::Answer> {
    // Answers take from 0 to 7 ms, so that kills meet calls at every stage.
    if (call.task() == "delete") std::this_thread::sleep_for(std::chrono::milliseconds(call.number * 7919 % 8));
    return std::nullopt;
  });
  std::chrono::duration<double> slowest{};
  for (int kill = 0; kill < kills; ++kill) {
    queue_listed(any(20, 120));
    const auto before = api.counters().calls;
    const auto daemon = start({"run"});
    daemon->wait_for_stderr("started version=");
    const auto ready = Clock::now();
    const bool called = drained() || api.wait_for_calls(before + 1);
    ASSERT_TRUE(called);
    slowest = std::max<std::chrono::duration<double>>(slowest, Clock::now() - ready);
    if (!drained()) api.wait_for_calls(before + static_cast<std::uint64_t>(any(1, 60)), 2s);
    // The kill shall come anywhere between two events.
    std::this_thread::sleep_for(std::chrono::microseconds(any(0, 5000)));
    daemon->signal(SIGKILL);
    daemon->wait();
  }
  const auto daemon = start({"run"});
  wait_drained();
  stop(*daemon);
  const int requests = std::stoi(value("select count(*) from bounced.deletion_requests"));
  expect_all_carried_out(requests);
  fmt::print(
      "{} kills (seed {}): {} requests, {} calls sent again, {} requests found interrupted; after a start, work went "
      "on within {:.2f} s\n",
      kills, seed, requests, sent_again(), value("select sum(interruptions) from bounced.deletion_requests"),
      slowest.count());
  // What a killed daemon had claimed moves at once when one starts again, not when its heartbeat has become old.
  EXPECT_LT(slowest, 10s);
}

TEST_F(Deletions, AnotherDaemonTakesOverWithinHalfAMinute) {
  mirror_customers(1, 100);
  const auto first = start({"run"});
  first->wait_for_stderr("started version=");
  const auto second = start({"run"});
  second->wait_for_stderr("started version=");
  simulator::Answer held;
  held.hold_head = true;
  api.answer({.task = simulator::Task::remove}, held, 4);
  queue_listed(1);
  ASSERT_TRUE(api.wait_for_held(1));
  const bool first_has_it =
      value("select pid from bounced.daemons join bounced.deletion_requests on claimed_by = daemon_id") ==
      std::to_string(first->pid());
  Process& holder = first_has_it ? *first : *second;
  api.clear_answers();
  holder.signal(SIGKILL);
  holder.wait();
  const auto killed = Clock::now();
  wait_drained();
  const std::chrono::duration<double> took = Clock::now() - killed;
  fmt::print("taken over after {:.1f} s\n", took.count());
  EXPECT_LT(took, 30s);
  EXPECT_EQ(value("select state || interruptions from bounced.deletion_requests"), "done1");
  stop(first_has_it ? *second : *first);
}

// A daemon that was stopped for longer than it takes to be taken for dead does no harm when it goes on.
TEST_F(Deletions, ADaemonThatWasTakenForDeadWritesNothing) {
  mirror_customers(1, 100);
  const auto first = start({"run"});
  first->wait_for_stderr("started version=");
  simulator::Answer held;
  held.hold_head = true;
  api.answer({.task = simulator::Task::remove}, held, 1);
  queue_listed(1);
  ASSERT_TRUE(api.wait_for_held(1));
  first->signal(SIGSTOP);
  execute(url(), "update bounced.daemons set heartbeat = heartbeat - interval '1 min'");
  const auto second = start({"run"});
  wait_drained();
  api.release();
  first->signal(SIGCONT);
  first->wait_for_stderr("deletion request taken over");
  // The first call was carried out, so that the second found nothing: it is our doing all the same.
  EXPECT_EQ(value("select state || ' ' || outcome || ' ' || interruptions || ' ' || gone_because from "
                  "bounced.deletion_requests join bounced.bounces using (customer, email)"),
            "done not_listed 1 deleted");
  stop(*first);
  stop(*second);
}

TEST_F(Deletions, ADatabaseThatGoesAwayLosesNothing) {
  mirror_customers(3, 400);
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  api.set_hook([](const simulator::Call&) -> std::optional<simulator::Answer> {
    std::this_thread::sleep_for(2ms);  // a slow API, so that calls are in flight when the server goes
    return std::nullopt;
  });
  queue_listed(900);
  for (const bool crash : {false, true, true}) {
    const auto before = api.counters().calls;
    ASSERT_TRUE(api.wait_for_calls(before + 60));
    if (crash)
      cluster.kill();
    else
      cluster.stop();
    cluster.start();
  }
  wait_drained();
  expect_all_carried_out(900);
  fmt::print("{} calls sent again\n", sent_again());
  stop(*daemon);
}

TEST_F(Deletions, AnApiThatMisbehavesLosesNothing) {
  mirror_customers(2, 200);
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("started version=");
  // Every third deletion meets one of these; what is tried again is due at once.
  std::atomic<unsigned> number = 0;
  api.set_hook([&](const simulator::Call& call) -> std::optional<simulator::Answer> {
    using simulator::Answer;
    const unsigned n = number++;
    if (call.task() != "delete" || n % 3 != 0) return std::nullopt;
    switch (n / 3 % 8) {
      case 0:
        return Answer{.status = 500, .body = "{\"error\":\"server\"}"};
      case 1:
        return Answer{.status = 200, .body = "<html><title>502 Bad Gateway</title></html>"};
      case 2:
        return Answer{.status = 200, .body = ""};
      case 3:
        return Answer{.status = 200, .body = "{}"};
      case 4: {
        Answer cut;  // it is done, and the answer breaks off
        cut.cut = 5;
        cut.ending = simulator::Ending::cut_off;
        return cut;
      }
      case 5: {
        Answer reset;  // it is done, and no answer comes
        reset.reset_request = true;
        return reset;
      }
      case 6:
        return Answer{.status = 502, .body = "success"};
      default: {
        Answer closed;
        closed.close_after = true;
        return closed;
      }
    }
  });
  queue_listed(200);
  wait_until(
      [&] {
        execute(url(),
                "update bounced.deletion_queue set next_attempt_at = now() where state = "
                "'pending' and next_attempt_at > now(); notify bounced_deletions");
        return drained();
      },
      "all requests are carried out");
  expect_all_carried_out(200);
  stop(*daemon);
}

TEST_F(Deletions, SyncCarriesOutWhatIsPendingAndNamesWhatIsLeft) {
  mirror_customers(2, 50);
  queue_listed(20);
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(0), out_has("20 deletion requests: 20 done, 0 failed, 0 still pending")));
  expect_all_carried_out(20);
  queue_listed(1);
  api.answer({.task = simulator::Task::remove}, {.status = 503, .body = "{\"error\":\"busy\"}"});
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(1), err_has("1 deletion request still pending (retry): unavailable: "),
                                   err_has("busy")));
  EXPECT_THAT(run({"status"}), out_has("deletion requests: 1 pending, 0 sending, 0 failed; the oldest is "));
  EXPECT_THAT(run({"status", "--queue"}), AllOf(out_has("retry"), out_has("busy")));
}

TEST_F(Deletions, ALimitADayIsKeptAndShown) {
  mirror_customers(1, 50, "polling: {every: 24h}\ndeletions: {daily_limit: 7}");
  queue_listed(20);
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(1), err_has("13 deletion requests still pending (daily limit)")));
  EXPECT_EQ(count_of("done"), "7");
  EXPECT_EQ(deletion_calls().size(), 7U);
  EXPECT_THAT(run({"status"}), out_has("13 wait: their account's daily limit is reached"));
}

TEST_F(Deletions, StoppingIsQuickAndNothingIsLeftInHand) {
  mirror_customers(2, 2000);
  const auto daemon = start({"run"});
  queue_listed(3000);
  ASSERT_TRUE(api.wait_for_calls(100));
  stop(*daemon);
  EXPECT_EQ(count_of("sending"), "0");
  EXPECT_EQ(value("select sum(interruptions) from bounced.deletion_requests"), "0");
  EXPECT_NE(count_of("pending"), "0");
}

}  // namespace
}  // namespace bounced::test
