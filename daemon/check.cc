// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include "config/load.h"
#include "daemon/check_api.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/findings.h"
#include "daemon/wiring.h"
#include "db/errors.h"
#include "db/migrator.h"
#include "db/status.h"

namespace bounced::daemon {
namespace {

std::size_t customers_of(const config::Config& config) {
  std::size_t customers = 0;
  for (const config::Account& account : config.accounts) customers += account.customers.size();
  return customers;
}

// Polls that are asked for in more calls than the account may make are late for ever.
void check_rates(const config::Config& config, Findings& findings) {
  for (const config::Account& account : config.accounts) {
    double wanted = 0;  // calls a minute
    for (const config::Customer& customer : account.customers) {
      wanted += 60 / std::chrono::duration<double>(customer.schedule.every).count();
    }
    const double allowed =
        60 * account.rate_limit.requests / std::chrono::duration<double>(account.rate_limit.per).count();
    if (account.rate_limit.requests == 0 || wanted <= allowed) continue;
    findings.warning(fmt::format(
        "account {}: its polls ask for {:.0f} calls a minute, rate_limit allows {:.0f}: polls will be late; raise "
        "`every`, or rate_limit if the API allows more",
        account.name, wanted, allowed));
  }
}

void check_migrations(db::Session& session, Findings& findings) {
  const auto pending = db::pending_migrations(session);
  findings.ok(pending.empty() ? "schema: up to date"
                              : "schema: " + counted(pending.size(), "migration") +
                                    " pending, which `bounced migrate`, or the daemon's start, applies");
}

void check_server(db::Session& session, Findings& findings) {
  const db::ServerFacts facts = db::read_server_facts(session);
  findings.ok("database: PostgreSQL " + facts.version + ", UTF-8");
  if (facts.read_only) {
    findings.failed("database: it takes no writes: name the primary server in database.url, or all of them");
  }
  for (const std::string& right : facts.lacking) {
    findings.failed("database: the role lacks a right: grant " + right + " to it");
  }
}

void check_proxy(db::Session& session, const db::Options& options, Findings& findings) {
  try {
    refuse_transaction_pooling(session, options);
  } catch (const MustChange& error) {
    findings.failed(std::string("database: ") + error.what());
  }
}

void check_database(const config::Config& config, const std::filesystem::path& config_file, Findings& findings) {
  db::Options options = connection_options_of("check", config, config_file);
  options.reads_only = true;  // that it takes no writes is told as one of its faults
  try {
    with_session(options, [&](db::Session& session) {
      check_server(session, findings);
      check_migrations(session, findings);
      check_proxy(session, options, findings);
      check_time_zones(session, config);
      findings.ok("time zones");
    });
  } catch (const MustChange& error) {
    findings.failed(error.what());
  } catch (const std::exception& error) {
    findings.failed(std::string("database: ") + error.what());
  }
}

}  // namespace

int check(const std::filesystem::path& config_file, const CheckOptions& options) {
  const config::Config config = config::load(config_file, {.credentials_may_be_absent = true});
  Findings findings;
  findings.ok(fmt::format("configuration: {}, {}", counted(config.accounts.size(), "account"),
                          counted(customers_of(config), "customer")));
  check_rates(config, findings);
  if (options.offline) return well;
  check_database(config, config_file, findings);
  check_api(config, config_file, findings);
  if (findings.failures() == 0) return well;
  fmt::print(stderr, "bounced: {} failed\n", counted(static_cast<std::uint64_t>(findings.failures()), "check"));
  return failed;
}

}  // namespace bounced::daemon
