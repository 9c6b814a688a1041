// SPDX-License-Identifier: Apache-2.0
// One daemon in a world where much goes wrong and passes. Then all is well, and the daemon must be too.
#include "tests/service/liveness.h"

#include <cstdlib>
#include <fstream>

#include "tests/service/liveness_calls.h"
#include "tests/service/liveness_daemon.h"
#include "tests/service/liveness_script.h"
#include "tests/service/liveness_state.h"
#include "tests/service/liveness_troubles.h"
#include "tests/service/service.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;

TEST(LivenessChecks, TheyMeasure) {
  const auto at = [](int seconds) { return Moment(std::chrono::seconds(seconds)); };
  EXPECT_EQ(busiest({{"a", {at(0), at(9)}}, {"b", {at(0), at(1), at(2), at(30)}}}, 10s).name, "b");
  EXPECT_EQ(busiest({{"b", {at(0), at(1), at(2), at(30)}}}, 10s).count, 3U);
  using Intervals = std::vector<std::pair<Moment, Moment>>;
  EXPECT_EQ(most_at_once({{at(0), at(2)}, {at(1), at(3)}, {at(2), at(4)}}),
            (Intervals{{at(0), at(2)}, {at(1), at(3)}}));
  EXPECT_EQ(most_at_once({}), Intervals());
  Rate rate(10s);
  for (int i = 0; i <= 10; ++i) rate.sample(5 * i, at(i));
  EXPECT_DOUBLE_EQ(rate.most_a_second(), 5);
  for (int i = 0; i <= 10; ++i) rate.sample(2 * i, at(20 + i));  // it began anew
  EXPECT_DOUBLE_EQ(rate.most_a_second(), 5);
}

double number_of(const char* variable, double otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::atof(text) : otherwise;
}

class Liveness : public testing::Test {
 protected:
  static constexpr int lists_at_once = 16;
  static constexpr int deletions_at_once = 8;
  // After everything is well, a customer is polled within its interval and this.
  static constexpr auto grace = 30s;
  static constexpr const char* queue_failed_again =
      "update bounced.deletion_requests set state = 'pending' where state = 'failed'";

  Liveness() {
    for (Plan& plan : plans()) sides.push_back(std::make_unique<Side>(std::move(plan)));
    configure();
  }

  // ---- the daemon ----

  void configure() {
    std::string text = fmt::format(
        "database: {{url: \"{}\", connections: 3}}\npolling: {{concurrency: {}}}\ndeletions: {{concurrency: {}}}\n"
        "log: {{level: info, format: text}}\naccounts:\n",
        database.daemon_url(), lists_at_once, deletions_at_once);
    for (const auto& side : sides) {
      using std::filesystem::perms;
      const std::string file = side->plan.name + ".key";
      std::filesystem::permissions(dir.write(file, side->key), perms::owner_read | perms::owner_write);
      text += side->config(file);
    }
    dir.write("bounced.yaml", text);
  }
  void reload() {
    configure();
    daemon.reload();
  }

  // ---- what happens ----

  void note(const std::string& what) {
    timeline += fmt::format("{:7.2f} {}\n", Seconds(std::chrono::steady_clock::now() - began).count(), what);
  }

  Script make_script() {
    const char* const wanted = std::getenv("BOUNCED_TROUBLES");
    const auto want = [&](const char* what) {
      return wanted == nullptr || std::string(wanted).find(what) != std::string::npos;
    };
    Draw draw(seed);
    Script script;
    if (want("api")) {
      // Now and then, all the time: who waits for a turn is sent away.
      script.fill(draw, seconds, {troubles::now_and_then_limited(*sides.front())}, 10 * seconds, 0.3);
      for (int i = 0; i < 4; ++i) script.fill(draw, seconds, troubles::of_apis(sides), 5, 1);
    }
    if (want("database")) script.fill(draw, seconds, troubles::of_database(database), 3, 1.5);
    const auto broken = [this] {
      dir.write("bounced.yaml", "accounts: [");
      daemon.reload();
    };
    if (want("configuration"))
      script.fill(draw, seconds,
                  troubles::of_configuration(
                      sides, [this] { reload(); }, broken),
                  4, 4);
    return script;
  }

  void look() {
    const std::size_t before = daemon.ends().size();
    daemon.look();
    if (daemon.ends().size() > before) note("THE DAEMON ENDED: " + daemon.ends().back());
  }
  // What people do meanwhile.
  void queue(Draw& draw) {
    const Side& side = *sides[draw.below(sides.size())];
    const std::string& customer = side.customers[draw.below(side.customers.size())];
    database.attempt(fmt::format(
        "insert into bounced.deletion_requests (customer, email) select distinct customer, email from "
        "bounced.current_bounces b where customer = '{}' and not exists (select from bounced.deletion_requests r where "
        "r.customer = b.customer and r.email = b.email) limit {}",
        customer, 1 + draw.below(draw.chance(0.1) ? 100 : 10)));
    if (draw.chance(0.2)) database.attempt(fmt::format("select bounced.poll_now('{}')", customer));
  }

  void play(const Script& script) {
    Draw draw(seed);
    const auto start_of_script = std::chrono::steady_clock::now();
    // What the daemon must break off itself takes it two minutes and a half.
    for (const auto& side : sides) {
      side->breaks_off_after =
          start_of_script + std::chrono::duration_cast<std::chrono::steady_clock::duration>(Seconds(seconds - 150));
    }
    for (const auto& [at, step] : script.steps()) {
      while (Seconds(std::chrono::steady_clock::now() - start_of_script).count() < at) {
        std::this_thread::sleep_for(100ms);  // what happens is a matter of time here
        look();
        if (draw.chance(0.3)) queue(draw);
      }
      note(step.what);
      step.act();
      ++steps;
    }
  }

  // ---- what must be ----

  // What a person would do: has what failed queued again, and waits for no backoff that was announced. But a request
  // whose call may have been carried out must not be cancelled, or its bounce is taken for removed by somebody else.
  void set_right() {
    database.wait_for_holders();
    note("all is well");
    failed_before = progress.value("select count(*) from bounced.deletion_requests where state = 'failed'");
    // What a page, a proxy or the network says fails nothing for good.
    EXPECT_THAT(
        progress.rows("select distinct last_error from bounced.deletion_requests where state = 'failed' and last_error "
                      "!~ 'not authorized|access forbidden|strange'"),
        testing::IsEmpty());
    EXPECT_LE(std::stoi(failed_before), 60) << "requests that failed: many refusals are the account's trouble";
    database.insist(queue_failed_again);
    database.insist(
        "with c as (update bounced.deletion_requests set state = 'cancelled' where state = 'pending' and "
        "next_attempt_at > now() and unsure_since is null returning customer, email) insert into "
        "bounced.deletion_requests (customer, email) "
        "select customer, email from c");
    well_since = progress.value("select clock_timestamp()");
    database.insist("select bounced.poll_now(name) from bounced.customers where active");
  }

  // Until everything that waits or is in flight has come to its end, or the time is over.
  void expect_recovery() {
    const Seconds announced = progress.announced_pause();
    int interval = 0;
    for (const auto& side : sides) interval = std::max(interval, side->plan.every);
    const auto from = std::chrono::steady_clock::now();
    const auto deadline = from + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                     announced + std::max(Seconds(interval), backlog()) + grace);
    std::vector<std::string> late, open;
    do {
      std::this_thread::sleep_for(250ms);  // between two looks at the database
      look();
      // What was in flight when all became well may end as it must.
      if (std::chrono::steady_clock::now() < from + 10s) database.attempt(queue_failed_again);
      late = progress.not_polled_since(well_since);
      open = progress.open_requests();
    } while ((!late.empty() || !open.empty()) && std::chrono::steady_clock::now() < deadline);
    recovered_in = std::chrono::steady_clock::now() - from;
    paused_for = announced;
    EXPECT_THAT(late, testing::IsEmpty()) << "customers that were not polled";
    EXPECT_THAT(open, testing::IsEmpty()) << "requests that were not carried out";
  }

  // How long the requests that are open take where a limit of calls allows no more. Lists keep a quarter of the turns.
  [[nodiscard]] Seconds backlog() const {
    Seconds longest{};
    for (const auto& side : sides) {
      if (side->plan.calls == 0) continue;
      const double open = progress.number_of_open_requests(side->plan.name);
      longest = std::max(longest, Seconds(open * side->plan.window / side->plan.calls / 0.7));
    }
    return longest;
  }

  void expect_truth() {
    wait_until(
        [&] {
          look();
          return progress.untrue().empty();
        },
        "the mirror is as the API's lists");
    EXPECT_THAT(
        progress.rows("select customer, email, gone_because from bounced.bounces where gone_because <> 'deleted'"),
        testing::IsEmpty())
        << "nobody but we removed anything";
  }

  void expect_no_loops() {
    for (const auto& side : sides) seen.add(side->plan, side->api.calls());
    seen.expect_limits(lists_at_once, deletions_at_once);
    EXPECT_LE(daemon.lines(), 60) << "lines of the log in a second";
    EXPECT_LE(daemon.transactions(), 600) << "transactions in a second";
  }

  // By the daemon's own account.
  void expect_nothing_late() {
    EXPECT_THAT(progress.rows("select to_jsonb(d) -> 'in_flight' from bounced.daemons d where "
                              "jsonb_path_exists(to_jsonb(d), '$.in_flight.oldest[*] ? (@.late == true)')"),
                testing::IsEmpty());
  }
  // With calls in flight that are never answered, and others that wait.
  void expect_stop() {
    for (const auto& side : sides)
      side->begin([](const simulator::Call&, Draw&) { return simulator::Answer{.hold_head = true}; });
    database.insist("select bounced.poll_now(name) from bounced.customers where active");
    std::this_thread::sleep_for(1s);  // in which calls fill their places; how many, nobody announces
    look();                           // or an end of its own would be taken for that of the signal
    const auto from = std::chrono::steady_clock::now();
    EXPECT_EQ(daemon.stop(), "");
    stopped_in = std::chrono::steady_clock::now() - from;
    EXPECT_LE(stopped_in, 10s);
    EXPECT_THAT(progress.rows("select name, claimed_by from bounced.customers where claimed_by is not null"),
                testing::IsEmpty());
    EXPECT_THAT(progress.rows("select request_id, state from bounced.deletion_requests where state = 'sending'"),
                testing::IsEmpty());
    EXPECT_THAT(progress.rows("select host, pid from bounced.daemons"), testing::IsEmpty());
  }

  void TearDown() override {
    if (!started) return;
    fmt::print(
        "seed {}: {} steps; {}; recovered in {:.1f} s, of which {:.1f} s of pauses; {} requests had failed for good; "
        "at most {:.0f} lines of log, {:.0f} transactions and {:.2f} s of CPU a second; {} unasked ends; stopped in "
        "{:.1f} s\n",
        seed, steps, seen.told(), recovered_in.count(), paused_for.count(), failed_before, daemon.lines(),
        daemon.transactions(), daemon.cpu(), daemon.ends().size(), stopped_in.count());
    if (!HasFailure() && std::getenv("BOUNCED_TELL") == nullptr) return;
    const std::string file = fmt::format("/tmp/liveness-{}.log", seed);
    std::ofstream(file) << timeline << "\n" << daemon.log();
    fmt::print("what happened, and the daemon's log: {}\n", file);
  }

  const double seconds = number_of("BOUNCED_CHAOS_SECONDS", 30);
  const unsigned seed = static_cast<unsigned>(number_of("BOUNCED_SEED", 1));
  TempDir dir;
  Database database;
  std::vector<std::unique_ptr<Side>> sides;
  const Progress progress{database, sides};
  WatchedDaemon daemon{dir.path() / "bounced.yaml", database};
  bool started = false;

  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::string timeline, well_since, failed_before;
  int steps = 0;
  Seconds recovered_in{}, paused_for{}, stopped_in{};
  SeenCalls seen;
};

// BOUNCED_CHAOS_SECONDS and BOUNCED_SEED make it longer and other; BOUNCED_TROUBLES ("api database configuration")
// leaves some away, BOUNCED_PROGRAM tries another program.
TEST_F(Liveness, WhateverHappensItGoesOnWhenThatIsOver) {
  ASSERT_EQ(daemon.run("migrate")->wait(), 0);
  daemon.start();
  started = true;
  wait_until([&] { return progress.all_were_polled(); }, "every customer was polled");
  play(make_script());
  set_right();
  expect_recovery();
  if (!HasFailure()) expect_truth();
  expect_no_loops();
  expect_nothing_late();
  expect_stop();
  expect_right_counts(database.url());
  EXPECT_THAT(daemon.ends(), testing::IsEmpty()) << "the daemon ended by itself";
  EXPECT_THAT(daemon.lines_with("stalled|Sanitizer|runtime error"), testing::IsEmpty());
}

}  // namespace
}  // namespace bounced::test
