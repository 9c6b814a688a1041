// SPDX-License-Identifier: Apache-2.0
// Four daemons on one database, killed, stopped, cut off and started again.
#include "tests/service/fleet.h"

#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "tests/service/service.h"
#include "tests/support/relay.h"

namespace bounced::test {
namespace {

using namespace std::chrono_literals;

// ---- the checks find what they are for ----

Moment at(double seconds) {
  return Moment(std::chrono::duration_cast<Moment::duration>(Seconds(seconds)));
}

TEST(FleetChecks, AnOverlapIsWrongUnlessADaemonWasTakenForDead) {
  const std::vector<SeenCall> calls{
      {0, "c", at(0), at(30)}, {1, "c", at(21), at(22)}, {0, "d", at(0), at(1)}, {1, "d", at(1), at(2)}};
  EXPECT_EQ(overlaps(calls, {}).wrong, std::vector<std::string>{"c"});
  EXPECT_EQ(overlaps(calls, {{1, false, at(1)}}).wrong.size(), 1U);   // it happened to the wrong one
  EXPECT_EQ(overlaps(calls, {{0, false, at(15)}}).wrong.size(), 1U);  // too soon
  EXPECT_EQ(overlaps(calls, {{0, false, at(1)}}).explained, 1);
  EXPECT_EQ(overlaps(calls, {{0, true, at(20)}}).explained, 1);  // a killed one's claims are free at once
  // A call that was held up with its daemon arrives when that goes on, but not long after.
  EXPECT_EQ(overlaps(calls, {{1, false, at(1), at(20.5)}}).explained, 1);
  EXPECT_EQ(overlaps(calls, {{1, false, at(1), at(18)}}).wrong.size(), 1U);
}

TEST(FleetChecks, WindowsAndGapsAreMeasured) {
  EXPECT_EQ(fullest_window({at(0), at(5), at(9), at(10), at(14)}, 10s), 4U);
  EXPECT_EQ(fullest_window({at(0), at(10), at(20)}, 10s), 1U);
  EXPECT_DOUBLE_EQ(longest_gap({{"c", {at(1), at(4)}}, {"d", {at(1), at(3), at(12)}}}, at(13)).length.count(), 9);
  EXPECT_DOUBLE_EQ(longest_gap({{"c", {at(1), at(4)}}}, at(20)).length.count(), 16);
}

// ---- the fleet ----

struct OwnCluster {
  Cluster cluster{{.tcp = true, .settings = {}}};
};

class Fleet : private OwnCluster, public Service {
 protected:
  static constexpr int size = 4;
  static constexpr int customers = 30;
  static constexpr auto every = 5s;
  static constexpr auto window = 10s;
  static constexpr std::size_t limit = 300;

  Fleet() : Service(OwnCluster::cluster.create_database(Cluster::Schema::none)) {
    std::string names = "[";
    for (int i = 0; i < customers; ++i) {
      api.generate(fmt::format("c{}", i), static_cast<std::uint64_t>(i) + 1, 60);
      names += fmt::format("{}c{}", i > 0 ? ", " : "", i);
    }
    for (int i = 0; i < size; ++i) {
      Member& member = members.emplace_back();
      member.to_database = std::make_unique<Relay>("127.0.0.1", 0, static_cast<std::uint16_t>(cluster.port()));
      member.to_api = std::make_unique<Relay>("127.0.0.1", 0, api.port());
      // The API tells them apart by their user, the database by the name of the application.
      api.add_account(fmt::format("user{}", i), key);
      write_configuration(i, names + "]");
    }
    configure({.customers = names + "]"});
    EXPECT_EQ(run({"migrate"}).code, 0);
    execute(url(),
            "create table public.merges (at timestamptz, customer_id int, claimed_by bigint, application text);"
            "grant insert on public.merges to bounced;"
            "create function public.note_merge() returns trigger language plpgsql as $$ begin "
            "insert into public.merges values (clock_timestamp(), old.customer_id, old.claimed_by, "
            "current_setting('application_name')); return null; end $$;"
            "create trigger note_merge after update on bounced.customers for each row "
            "when (old.last_poll_at is distinct from new.last_poll_at) execute function public.note_merge()");
    // Some lists take long, so that overlaps would show.
    api.set_hook([](const simulator::Call& call) -> std::optional<simulator::Answer> {
      if (call.task() == "get" && call.customer().ends_with("7")) std::this_thread::sleep_for(1500ms);
      return std::nullopt;
    });
  }

  struct Member {
    std::unique_ptr<Relay> to_database, to_api;
    std::unique_ptr<Process> process;
    std::set<std::string> numbers;  // that it had in the database
    std::optional<std::size_t> deed;
    std::function<void()> undo;
  };

  std::string file_of(int i) const { return (dir.path() / fmt::format("daemon{}.yaml", i)).string(); }
  void write_configuration(int i, const std::string& names) {
    std::string text = config_text({.customers = names, .rate_limit = "300/10s", .top = "polling: {every: 5s}"});
    const auto replace = [&text](const std::string& what, const std::string& with) {
      text.replace(text.find(what), what.size(), with);
    };
    replace(
        fmt::format("\"{}\"", daemon_url()),
        fmt::format("\"host=127.0.0.1 port={} user=bounced dbname={} application_name=daemon{}\", connections: 3",
                    members[static_cast<std::size_t>(i)].to_database->port(), value("select current_database()"), i));
    replace(api.base_url(), fmt::format("https://localhost:{}", members[static_cast<std::size_t>(i)].to_api->port()));
    replace("user: user", fmt::format("user: user{}", i));
    dir.write(fmt::format("daemon{}.yaml", i), text);
  }

  void start_member(std::size_t i) {
    Member& member = members[i];
    member.process = std::make_unique<Process>(
        std::vector<std::string>{BOUNCED_PROGRAM, "run", "--config", file_of(static_cast<int>(i))});
    const std::string line = member.process->wait_for_stderr("started version=");
    const auto number = line.find("daemon=") + 7;
    member.numbers.insert(line.substr(number, line.find(' ', number) - number));
  }

  void begin(std::size_t i, bool killed, std::function<void()> undo) {
    members[i].deed = deeds.size();
    members[i].undo = std::move(undo);
    deeds.push_back({i, killed, std::chrono::system_clock::now()});
  }
  void kill(std::size_t i) {
    begin(i, true, [this, i] { start_member(i); });
    members[i].process->signal(SIGKILL);
    members[i].process->wait();
    ++kills;
  }
  void stop_for_a_while(std::size_t i) {
    members[i].process->signal(SIGSTOP);
    begin(i, false, [this, i] { members[i].process->signal(SIGCONT); });
    ++stops;
  }
  void cut_off(std::size_t i) {
    members[i].to_database->cut();
    members[i].to_api->cut();
    begin(i, false, [this, i] {
      members[i].to_database->mend();
      members[i].to_api->mend();
    });
    ++cuts;
  }
  void undo(std::size_t i) {
    if (!members[i].deed) return;
    members[i].undo();
    deeds[*members[i].deed].ended = std::chrono::system_clock::now();
    members[i].deed.reset();
  }

  void queue(int requests) const {
    execute(url(), fmt::format("insert into bounced.deletion_requests (customer, email) select customer, email from "
                               "(select distinct customer, email from bounced.current_bounces b where not exists "
                               "(select from bounced.deletion_requests r where r.customer = b.customer and r.email = "
                               "b.email)) s order by md5(email) limit {}",
                               requests));
  }
  std::string open_requests() const {
    return value("select count(*) from bounced.deletion_requests where state in ('pending', 'sending')");
  }

  // Each step: after so many seconds, what to do.
  using Script = std::multimap<double, std::function<void()>>;
  void play(const Script& script) {
    const auto began = std::chrono::steady_clock::now();
    auto next = script.begin();
    while (next != script.end()) {
      std::this_thread::sleep_for(250ms);  // what happens is a matter of time here
      queue(4);
      while (next != script.end() && std::chrono::steady_clock::now() - began >= Seconds(next->first)) {
        next->second();
        ++next;
      }
    }
  }

  // In waves: what was one daemon's has been taken over when the next one is hit. One is always left in peace.
  Script random_script(double seconds, unsigned seed) {
    constexpr double wave = 32;
    Script script;
    std::mt19937 random(seed);
    const auto any = [&](double least, double most) {
      return std::uniform_real_distribution<double>(least, most)(random);
    };
    std::vector<double> busy(size, 0);
    for (double begins = 1; begins < seconds; begins += wave) {
      for (std::size_t i = 0; i < busy.size(); ++i) {
        const auto peaceful = std::ranges::count_if(busy, [&](double until) { return until <= begins; });
        if (busy[i] > begins || peaceful < 2 || any(0, 1) < 0.2) continue;
        const double time = begins + any(0, 4);
        busy[i] = time + any(0.2, 50);
        const double kind = any(0, 3);
        script.emplace(time, [this, i, kind] { kind < 1 ? kill(i) : kind < 2 ? stop_for_a_while(i) : cut_off(i); });
        script.emplace(busy[i], [this, i] { undo(i); });
      }
    }
    return script;
  }

  void wait_settled() {
    for (std::size_t i = 0; i < members.size(); ++i) undo(i);
    wait_until([&] { return open_requests() == "0"; }, "all requests are carried out");
    const std::string now = value("select clock_timestamp()");
    wait_until(
        [&] {
          return value(fmt::format("select count(*) from bounced.customers where last_full_at <= '{}'", now)) == "0";
        },
        "every customer was polled again");
  }

  void expect_all_is_well() {
    std::vector<SeenCall> polls;
    std::vector<Moment> calls;
    std::map<std::string, std::vector<Moment>> polled;
    const Moment until = std::chrono::system_clock::now();
    for (const auto& call : api.calls()) {
      calls.push_back(call.time);
      if (call.task() != "get") continue;
      const std::string user = call.parameter("api_user");
      polls.push_back(
          {static_cast<std::size_t>(user.back() - '0'), call.customer(), call.time, call.ended.value_or(until)});
      if (call.answered && call.status == 200) polled[call.customer()].push_back(*call.ended);
    }
    const Overlaps found = overlaps(polls, deeds);
    const Gap gap = longest_gap(polled, until);
    const std::size_t fullest = fullest_window(calls, window);
    fmt::print(
        "{} kills, {} stops, {} cuts; {} calls, {} of them polls; {} overlaps after a daemon was taken for dead, "
        "{} others; longest gap {:.1f} s; fullest window {} of {} calls\n",
        kills, stops, cuts, calls.size(), polls.size(), found.explained, found.wrong.size(), gap.length.count(),
        fullest, limit);
    EXPECT_THAT(found.wrong, testing::IsEmpty());
    EXPECT_EQ(polled.size(), static_cast<std::size_t>(customers));
    EXPECT_LE(gap.length, every + 30s) << describe(gap);
    EXPECT_LE(fullest, limit + limit / 20);
    // A merge is by the daemon that has the claim.
    int merges = 0;
    for (const Row& row :
         query(url(), "select application, claimed_by from public.merges where application ~ '^daemon'")) {
      const std::string& application = *row[0];
      EXPECT_TRUE(
          members.at(static_cast<std::size_t>(application[6] - '0')).numbers.contains(row[1].value_or("nobody")))
          << application << " merged under the claim of " << row[1].value_or("nobody");
      ++merges;
    }
    EXPECT_GT(merges, customers);
    EXPECT_EQ(value("select count(*) from bounced.deletion_requests where state <> 'done'"), "0");
    for (int i = 0; i < customers; ++i) {
      const std::string name = fmt::format("c{}", i);
      EXPECT_EQ(value(fmt::format("select count(*) from bounced.current_bounces where customer = '{}'", name)),
                std::to_string(api.size(name)));
    }
    EXPECT_EQ(value("select count(*) from bounced.bounces where gone_because <> 'deleted'"), "0");
  }

  // What happened meanwhile, in seconds from the gap's beginning.
  std::string describe(const Gap& gap) const {
    const auto since = [&](Moment moment) { return Seconds(moment - gap.began).count(); };
    std::string text = gap.customer;
    for (const Deed& deed : deeds) {
      if (deed.ended < gap.began || deed.began - gap.began > gap.length) continue;
      text += fmt::format("; daemon {} {} from {:.1f} to {:.1f} s", deed.daemon,
                          deed.killed ? "killed" : "stopped or cut off", since(deed.began), since(deed.ended));
    }
    for (const auto& call : api.calls()) {
      if (call.customer() != gap.customer || call.task() != "get" || since(call.time) < 0 ||
          since(call.time) > gap.length.count()) {
        continue;
      }
      text += fmt::format("; called by {} at {:.1f} s", call.parameter("api_user"), since(call.time));
    }
    return text;
  }

  std::vector<Member> members;
  std::vector<Deed> deeds;
  int kills = 0, stops = 0, cuts = 0;
};

// BOUNCED_CHAOS_SECONDS and BOUNCED_SEED make it longer and other.
TEST_F(Fleet, WhateverHappensToThemNothingIsDoneTwiceOrTooLate) {
  for (std::size_t i = 0; i < size; ++i) start_member(i);
  wait_until([&] { return value("select count(*) from bounced.customers where last_full_at is null") == "0"; },
             "every customer was polled");
  queue(200);
  const char* const seconds = std::getenv("BOUNCED_CHAOS_SECONDS");
  const char* const seed = std::getenv("BOUNCED_SEED");
  Script script{{1, [&] { kill(0); }},
                {2, [&] { stop_for_a_while(1); }},
                {2.3, [&] { cut_off(2); }},
                {3, [&] { undo(0); }},
                {5, [&] { kill(3); }},
                {29, [&] { undo(3); }},
                {29.5, [&] { undo(1); }},
                {30, [&] { undo(2); }},
                {34, [] {}}};
  if (seconds != nullptr)
    script = random_script(std::atof(seconds), seed != nullptr ? static_cast<unsigned>(std::atoi(seed)) : 1U);
  play(script);
  wait_settled();
  expect_all_is_well();
  for (Member& member : members) stop(*member.process);
  EXPECT_EQ(value("select count(*) from bounced.customers where claimed_by is not null"), "0");
  EXPECT_EQ(value("select count(*) from bounced.daemons"), "0");
}

}  // namespace
}  // namespace bounced::test
