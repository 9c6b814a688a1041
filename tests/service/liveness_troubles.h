// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/service/liveness_script.h"
#include "tests/service/liveness_world.h"
#include "tests/simulator/misbehaviour.h"

// What happens to the world of the liveness test, and passes.
namespace bounced::test {

namespace troubles {

using simulator::Answer;
using simulator::Call;
using namespace std::chrono_literals;

// A trouble of this API while it lasts. Where it holds or drips answers, these go on when it ends, or never.
inline Mishap of_api(Side& side, const std::string& what, Trouble trouble, bool held = false) {
  const auto number = std::make_shared<int>(0);
  return {side.plan.name + ": " + what,
          [&side, number, trouble = std::move(trouble)] { *number = side.begin(trouble); },
          [&side, number, held] {
            side.end(*number);
            if (held && std::chrono::steady_clock::now() >= side.breaks_off_after) side.api.release();
          }};
}

// An answer to calls of this kind ("": all; else a task), with a probability.
inline Mishap answered(Side& side, Draw& draw, const std::string& what, const std::string& task,
                       std::function<Answer(const Call&, Draw&)> make, double least = 0.2) {
  const double probability = draw.between(least, 1);
  return of_api(side,
                fmt::format("{} to {} of {}", what, fmt::format("{:.0f} %", probability * 100),
                            task.empty() ? "all calls" : task),
                [task, probability, make = std::move(make)](const Call& call, Draw& now) -> std::optional<Answer> {
                  if ((!task.empty() && call.task() != task) || !now.chance(probability)) return std::nullopt;
                  return make(call, now);
                });
}

// An answer to all lists of one customer.
inline Mishap of_customer(Side& side, Draw& draw, const std::string& what,
                          std::function<std::optional<Answer>(const Call&)> make, bool held = false) {
  const std::string customer = side.customers[draw.below(side.customers.size())];
  return of_api(
      side, what + " to " + customer,
      [customer, make = std::move(make)](const Call& call, Draw&) {
        return call.customer() == customer ? make(call) : std::nullopt;
      },
      held);
}

inline MishapMaker now_and_then_limited(Side& side) {
  return [&side](Draw&) {
    return of_api(side, "429 now and then", [](const Call& call, Draw& now) -> std::optional<Answer> {
      if (!now.chance(0.03)) return std::nullopt;
      return simulator::too_many_requests(call, 1s);
    });
  };
}

inline Answer never_ending(std::size_t kind) {
  using simulator::Endless;
  if (kind < 4) {
    constexpr std::array kinds{Endless::interim_heads, Endless::header, Endless::chunk_extension, Endless::trailers};
    return {.framing = simulator::Framing::chunked, .drip_every = 300ms, .endless = kinds[kind]};
  }
  return {.gzip = simulator::Gzip::never, .drip_bytes = 1, .drip_every = 300ms, .drip_head = kind == 4};
}

inline std::vector<MishapMaker> of_apis(const std::vector<std::unique_ptr<Side>>& sides) {
  std::vector<MishapMaker> makers;
  const auto add = [&](std::function<Mishap(Side&, Draw&)> make) {
    makers.emplace_back(
        [&sides, make = std::move(make)](Draw& draw) { return make(*sides[draw.below(sides.size())], draw); });
  };
  for (const char* task : {"get", "delete", ""}) {
    add([task](Side& side, Draw& draw) {
      const bool says = draw.chance(0.8);
      return answered(
          side, draw, says ? "429 with Retry-After" : "429", task,
          [says](const Call& call, Draw&) {
            return simulator::too_many_requests(call, says ? std::optional(1s) : std::nullopt);
          },
          0.05);
    });
    add([task](Side& side, Draw& draw) {
      const int status = draw.any({200, 302, 403, 404});
      return answered(side, draw, fmt::format("foreign page {}", status), task,
                      [status](const Call&, Draw&) { return simulator::foreign_page(status); });
    });
  }
  add([](Side& side, Draw& draw) {
    return answered(
        side, draw, "403", "delete", [](const Call& call, Draw&) { return simulator::forbidden(call); }, 1);
  });
  add([](Side& side, Draw& draw) {
    return of_customer(side, draw, "401", [](const Call& call) { return simulator::wrong_credentials(call); });
  });
  add([](Side& side, Draw& draw) {
    const int status = draw.any({500, 502, 503});
    return answered(side, draw, fmt::format("{} with Retry-After", status), "", [status](const Call&, Draw&) {
      Answer answer = simulator::foreign_page(status);
      answer.headers.emplace_back("Retry-After", "1");
      return answer;
    });
  });
  add([](Side& side, Draw& draw) {
    const std::string body = draw.any<std::string>({"{}", "", "[", "{\"message\":\"error\",\"errors\":[\"strange\"]}"});
    return answered(side, draw, "a body " + body, "", [body](const Call&, Draw&) { return Answer{.body = body}; });
  });
  add([](Side& side, Draw& draw) {
    return answered(side, draw, "bodies cut off", "", [](const Call&, Draw& now) {
      using simulator::Ending;
      return Answer{.cut = now.below(100), .ending = now.any({Ending::broken_off, Ending::cut_off, Ending::reset})};
    });
  });
  add([](Side& side, Draw& draw) {
    return answered(side, draw, "broken gzip", "get", [](const Call&, Draw& now) {
      return Answer{.gzip = now.any({simulator::Gzip::cut_short, simulator::Gzip::wrong_checksum})};
    });
  });
  add([](Side& side, Draw& draw) {
    return answered(
        side, draw, "resets", "", [](const Call&, Draw&) { return Answer{.reset_request = true}; }, 0.1);
  });
  add([](Side& side, Draw& draw) {
    return of_customer(
        side, draw, "silence", [](const Call&) { return Answer{.hold_head = true}; }, true);
  });
  for (int i = 0; i < 2; ++i) {
    add([](Side& side, Draw& draw) {
      const std::size_t kind = draw.below(6);
      return of_customer(
          side, draw, fmt::format("an answer without end ({})", kind),
          [kind](const Call&) { return never_ending(kind); }, true);
    });
  }
  add([](Side& side, Draw& draw) {
    return of_customer(side, draw, "11 seconds of waiting", [](const Call& call) -> std::optional<Answer> {
      if (call.task() == "get") std::this_thread::sleep_for(11s);  // the server is slow
      return std::nullopt;
    });
  });
  add([](Side& side, Draw& draw) {
    const int most = draw.any({100, 500, 2000});
    return of_api(side, fmt::format("up to {} ms of waiting", most),
                  [most](const Call&, Draw& now) -> std::optional<Answer> {
                    std::this_thread::sleep_for(std::chrono::milliseconds(now.below(static_cast<std::size_t>(most))));
                    return std::nullopt;
                  });
  });
  for (int i = 0; i < 2; ++i) {
    add([](Side& side, Draw&) {
      return Mishap{side.plan.name + ": outage", [&side] { side.api.stop(); }, [&side] { side.api.start(); }};
    });
  }
  add([](Side& side, Draw&) {
    return Mishap{side.plan.name + ": connections reset",
                  [&side] {
                    side.api.close_idle();
                    side.api.reset_connections(20);
                  },
                  [&side] { side.api.reset_connections(0); }};
  });
  add([](Side& side, Draw&) {
    return Mishap{side.plan.name + ": certificate expired",
                  [&side] {
                    side.api.use_certificate(simulator::Certificate::expired);
                    side.api.close_idle();
                  },
                  [&side] { side.api.use_certificate(simulator::Certificate::good); }};
  });
  return makers;
}

inline std::vector<MishapMaker> of_configuration(const std::vector<std::unique_ptr<Side>>& sides,
                                                 const std::function<void()>& reload,
                                                 const std::function<void()>& reload_broken) {
  std::vector<MishapMaker> makers;
  const auto add = [&](const std::string& what, std::function<void(Side&)> begin, std::function<void(Side&)> end) {
    makers.emplace_back([&sides, reload, what, begin, end](Draw& draw) {
      Side& side = *sides[draw.below(sides.size())];
      return Mishap{"configuration: " + side.plan.name + what, [&side, reload, begin] { begin(side), reload(); },
                    [&side, reload, end] { end(side), reload(); }};
    });
  };
  add(
      " is called otherwise", [](Side& side) { side.name = side.plan.name + "-2"; },
      [](Side& side) { side.name = side.plan.name; });
  add(
      " has a tenth of its limits",
      [](Side& side) {
        side.calls = side.plan.calls > 0 ? std::max(side.plan.calls / 10, 1) : 0;
        side.concurrency = 1;
      },
      [](Side& side) {
        side.calls = side.plan.calls;
        side.concurrency = side.plan.concurrency;
      });
  add(
      " lets half of its customers go",
      [](Side& side) {
        const auto half = static_cast<std::ptrdiff_t>(side.customers.size() / 2);
        side.away = {side.customers.begin(), side.customers.begin() + half};
      },
      [](Side& side) { side.away.clear(); });
  add(
      " has a wrong key", [](Side& side) { side.key = "another-key-of-tests"; },
      [](Side& side) { side.key = "secret-key-of-tests"; });
  add(
      " has another time zone", [](Side& side) { side.time_zone = "America/New_York"; },
      [](Side& side) { side.time_zone = "UTC"; });
  makers.emplace_back([=](Draw&) { return Mishap{"configuration: broken", reload_broken, reload}; });
  return makers;
}

inline std::vector<MishapMaker> of_database(Database& database) {
  std::vector<MishapMaker> makers;
  // Something is set for sessions of the daemon from now on.
  const auto set = [&](const std::string& what, const std::string& setting, const std::string& reset) {
    makers.emplace_back([&database, what, setting, reset](Draw&) {
      return Mishap{"database: " + what,
                    [&database, setting] {
                      database.attempt_elsewhere(setting);
                      database.end_sessions();
                    },
                    [&database, reset] {
                      database.attempt_elsewhere(reset);
                      database.end_sessions();
                    }};
    });
  };
  const std::string& name = database.name();
  set("read-only", fmt::format("alter database {} set default_transaction_read_only = on", name),
      fmt::format("alter database {} reset default_transaction_read_only", name));
  set("serializable", "alter role bounced set default_transaction_isolation = 'serializable'",
      "alter role bounced reset default_transaction_isolation");
  set("no space for temporary files", "alter role bounced set temp_file_limit = 0",
      "alter role bounced reset temp_file_limit");
  set("no temporary tables", fmt::format("revoke temporary on database {} from public, bounced", name),
      fmt::format("grant temporary on database {} to public", name));
  set("no connections", fmt::format("alter database {} allow_connections false", name),
      fmt::format("alter database {} allow_connections true", name));
  makers.emplace_back([&](Draw&) { return Mishap{"database: restart", [&] { database.cluster.restart(); }}; });
  makers.emplace_back([&](Draw&) {
    return Mishap{"database: crash", [&] { database.cluster.kill(); }, [&] { database.cluster.start(); }};
  });
  makers.emplace_back([&](Draw&) { return Mishap{"database: sessions ended", [&] { database.end_sessions(); }}; });
  makers.emplace_back([&](Draw&) {
    return Mishap{
        "database: statements cancelled", [&] {
          database.attempt_elsewhere("select pg_cancel_backend(pid) from pg_stat_activity where usename = 'bounced'");
        }};
  });
  // Of any table.
  const auto of_table = [&](const std::string& what, const std::string& begin, const std::string& end) {
    makers.emplace_back([&database, what, begin, end](Draw& draw) {
      const std::size_t any = draw.below(1000);
      const auto table = std::make_shared<std::string>();
      return Mishap{"database: " + what,
                    [&database, table, any, begin] {
                      const auto tables = database.tables();
                      *table = tables[any % tables.size()];
                      database.attempt(fmt::format(fmt::runtime(begin), *table));
                    },
                    [&database, table, end] {
                      if (!end.empty()) database.insist(fmt::format(fmt::runtime(end), *table));
                    }};
    });
  };
  for (int i = 0; i < 2; ++i) {
    of_table("no right", "revoke all on {} from bounced", "grant all on {} to bounced");
    of_table(
        "full disk",
        "create trigger trouble before insert or update on {} for each statement execute function public.full_disk()",
        "drop trigger if exists trouble on {}");
  }
  of_table("a trigger that denies",
           "create trigger trouble before insert or update on {} for each statement execute function public.deny()",
           "drop trigger if exists trouble on {}");
  const auto held = [&](const std::string& what, const std::string& sql) {
    makers.emplace_back([&database, what, sql](Draw& draw) {
      const double seconds = draw.between(1, 6);
      return Mishap{"database: " + what, [&database, sql, seconds] { database.hold(sql, seconds); }};
    });
  };
  held("customers' rows held", "select from bounced.customers where customer_id % 3 = 0 for update");
  held("accounts' rows held", "select from bounced.accounts for update");
  held("requests' rows held", "select from bounced.deletion_queue where request_id % 2 = 0 for update");
  held("polls asked for in an open transaction", "select bounced.poll_now(name) from bounced.customers");
  held("the mirror locked", "lock table bounced.mirror in share mode");
  return makers;
}

}  // namespace troubles
}  // namespace bounced::test
