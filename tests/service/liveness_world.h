// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/simulator/simulator.h"
#include "tests/support/cluster.h"

// The world that the daemon of the liveness test lives in: accounts, each with an API of its own, and a database.
namespace bounced::test {

// Draws from a seed, the same everywhere.
class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  double between(double least, double most) {
    return least + (most - least) * static_cast<double>(random_() % 1'000'000) / 1e6;
  }
  std::size_t below(std::size_t count) { return random_() % count; }
  bool chance(double probability) { return between(0, 1) < probability; }
  template <class T>
  T any(std::initializer_list<T> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(below(values.size())));
  }
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(i)]);
  }

 private:
  std::mt19937 random_;
};

struct Plan {
  std::string name;
  bool v3 = false;
  int calls = 0;  // 0: no limit
  int window = 1;
  int concurrency = 1;
  int customers = 1;
  std::uint64_t entries = 1;  // of each list
  int every = 1;
  std::string lines = {};  // more of the account's settings
};

inline std::vector<Plan> plans() {
  return {
      Plan{.name = "swarm", .calls = 600, .window = 60, .concurrency = 10, .customers = 60, .entries = 30, .every = 8},
      Plan{.name = "tight", .calls = 20, .window = 2, .concurrency = 2, .customers = 30, .entries = 60, .every = 5},
      Plan{.name = "open",
           .concurrency = 4,
           .customers = 12,
           .entries = 100,
           .every = 3,
           .lines = "    format: xml\n    method: post\n"},
      Plan{.name = "paged",
           .v3 = true,
           .calls = 100,
           .window = 5,
           .concurrency = 4,
           .customers = 6,
           .entries = 1200,
           .every = 6},
      Plan{.name = "lone",
           .v3 = true,
           .calls = 30,
           .window = 5,
           .concurrency = 1,
           .customers = 4,
           .entries = 300,
           .every = 6,
           .lines = "    customers: all\n"}};
}

// What is wrong with an API. May wait. Nullopt: it does not concern this call.
using Trouble = std::function<std::optional<simulator::Answer>(const simulator::Call&, Draw&)>;

// An account and its API.
class Side {
 public:
  explicit Side(Plan planned)
      : plan(std::move(planned)), name(plan.name), calls(plan.calls), concurrency(plan.concurrency) {
    for (int i = 0; i < plan.customers; ++i) {
      customers.push_back(fmt::format("{}{}@example.com", plan.name, i));
      api.generate(customers.back(), std::hash<std::string>{}(plan.name) % 1000 + static_cast<std::uint64_t>(i),
                   plan.entries);
    }
    api.set_hook([this](const simulator::Call& call) { return answer(call); });
  }

  int begin(Trouble trouble) {
    const std::lock_guard lock(mutex_);
    troubles_[++last_] = std::make_shared<Trouble>(std::move(trouble));
    return last_;
  }
  void end(int number) {
    const std::lock_guard lock(mutex_);
    troubles_.erase(number);
  }

  std::string config(const std::string& key_file) const {
    std::string text = fmt::format(
        "  - name: {}\n    api: {}\n    key: {{file: {}}}\n    base_url: {}\n    ca_file: {}\n    concurrency: {}\n"
        "    every: {}s\n    rate_limit: {}\n",
        name, plan.v3 ? "v3" : "v2", key_file, api.base_url(), api.ca_file(), concurrency, plan.every,
        calls > 0 ? fmt::format("{}/{}s", calls, plan.window) : "0");
    if (!plan.v3) text += fmt::format("    user: user\n    time_zone: {}\n", time_zone);
    text += plan.lines;
    if (plan.lines.find("customers:") != plan.lines.npos) return text;
    std::string names;
    for (const std::string& customer : customers) {
      if (!away.contains(customer)) names += (names.empty() ? "" : ", ") + customer;
    }
    return text + "    customers: [" + names + "]\n";
  }

  const Plan plan;
  std::vector<std::string> customers;
  simulator::Simulator api{{.time_zone = "UTC"}};
  // What the configuration says of it now.
  std::string name;
  std::string key = "secret-key-of-tests";
  std::string time_zone = "UTC";
  int calls, concurrency;
  std::set<std::string> away;
  // From when on its troubles end what they held or dripped; before, that is the daemon's to do.
  std::chrono::steady_clock::time_point breaks_off_after{};

 private:
  std::optional<simulator::Answer> answer(const simulator::Call& call) {
    std::vector<std::shared_ptr<Trouble>> troubles;
    unsigned seed = 0;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [number, trouble] : troubles_) troubles.push_back(trouble);
      seed = ++calls_seen_;
    }
    Draw draw(seed);
    for (const auto& trouble : troubles) {
      if (auto given = (*trouble)(call, draw)) return given;
    }
    return std::nullopt;
  }

  std::mutex mutex_;
  std::map<int, std::shared_ptr<Trouble>> troubles_;
  int last_ = 0;
  unsigned calls_seen_ = 0;
};

// The database, as its administrator treats it. The daemon is the role `bounced`, which owns it.
class Database {
 public:
  Database() : url_(cluster.create_database(Cluster::Schema::none)), name_(url_.substr(url_.rfind('=') + 1)) {
    execute(url_,
            "create function public.full_disk() returns trigger language plpgsql as $$ begin raise exception "
            "'could not extend file: No space left on device' using errcode = '53100'; end $$;"
            "create function public.deny() returns trigger language plpgsql as $$ begin raise exception "
            "'denied by a trigger'; end $$;");
  }
  ~Database() { wait_for_holders(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  std::string daemon_url() const { return as_bounced(url_); }
  const std::string& url() const { return url_; }
  const std::string& name() const { return name_; }

  // By the administrator, in vain where the database is away or somebody holds what it needs for long.
  bool attempt(const std::string& sql) const { return attempt_at(url_, sql); }
  bool attempt_elsewhere(const std::string& sql) const { return attempt_at(cluster.url(), sql); }
  // Each on time, or it is a failure of the test: the database must be there.
  void insist(const std::string& sql) const {
    for (int i = 0; i < 20; ++i) {
      if (attempt(sql)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(250));  // it may still be starting
    }
    execute(url_, sql);
  }
  void end_sessions() const {
    attempt_elsewhere("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bounced'");
  }
  // Somebody does this in a transaction that stays open for so long.
  void hold(const std::string& sql, double seconds) {
    holders_.emplace_back([this, sql, seconds] {
      attempt_at(url_, fmt::format("begin; {}; select pg_sleep({}); commit", sql, seconds));
    });
  }
  void wait_for_holders() {
    for (std::thread& holder : holders_) holder.join();
    holders_.clear();
  }
  std::vector<std::string> tables() const {
    std::vector<std::string> names;
    for (const Row& row : query(url_,
                                "select relname from pg_class where relnamespace = 'bounced'::regnamespace and "
                                "relkind in ('r', 'p') and relname <> 'schema_migrations' order by 1")) {
      names.push_back("bounced." + row[0].value());
    }
    return names;
  }

  Cluster cluster;

 private:
  static bool attempt_at(const std::string& url, const std::string& sql) {
    try {
      execute(url + " options='-c lock_timeout=2s -c statement_timeout=20s -c default_transaction_read_only=off'", sql);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  std::string url_, name_;
  std::vector<std::thread> holders_;
};

}  // namespace bounced::test
