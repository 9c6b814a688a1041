// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "config/load.h"
#include "daemon/check_api.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/findings.h"
#include "daemon/wiring.h"
#include "db/errors.h"
#include "db/migrator.h"
#include "db/rehearsal.h"
#include "db/status.h"
#include "db/temporary_file.h"

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

// What makes it take writes.
std::string read_only_remedy(const db::ServerFacts& facts) {
  const std::string reset = " reset default_transaction_read_only";
  if (facts.standby) return "it is a standby: name the primary server in database.url, or all of them";
  if (facts.read_only_by == "database") return "run: alter database " + facts.database + reset;
  if (facts.read_only_by == "user") return "run: alter role " + facts.role + reset;
  if (facts.read_only_by == "database user") {
    return "run: alter role " + facts.role + " in database " + facts.database + reset;
  }
  if (facts.read_only_by == "client")
    return "default_transaction_read_only is set in database.url or PGOPTIONS: remove it";
  return "default_transaction_read_only is set in the server's configuration: set it to off";
}

// Rights do not tell whether it can be done.
void rehearse(const char* what, const char* remedy, Findings& findings, const std::function<void()>& work) {
  try {
    work();
    findings.ok(std::string("database: ") + what);
  } catch (const db::Error& error) {
    findings.failed(fmt::format("database: {}: {}: {}", what, error.what(), remedy));
  }
}

void check_writing(db::Session& session, Findings& findings) {
  rehearse("temporary tables", "look at temp_tablespaces and the server's disks", findings,
           [&] { db::rehearse_staging(session); });
  if (!db::pending_migrations(session).empty()) return;  // the tables are not as they will be
  rehearse("writing",
           "look at the sequences of schema bounced (after a restore they may be behind) and the server's disks",
           findings, [&] { db::rehearse_writing(session); });
}

// Long lists pass through a file there.
void check_temporary_folder(Findings& findings) {
  try {
    db::TemporaryFile file;
    const std::string written(1 << 20, 'x');
    file.write(written);
    if (file.read(written.size()) != written) throw std::runtime_error("it does not give back what was written");
    findings.ok("folder for long lists");
  } catch (const std::exception& error) {
    const char* folder = std::getenv("TMPDIR");
    findings.failed(fmt::format(
        "folder for long lists: {}: {}: name a folder on a disk with room in TMPDIR that this user can write to",
        folder != nullptr ? folder : "/tmp", error.what()));
  }
}

void check_server(db::Session& session, Findings& findings) {
  const db::ServerFacts facts = db::read_server_facts(session);
  findings.ok("database: PostgreSQL " + facts.version + ", UTF-8");
  if (facts.read_only) {
    findings.failed("database: it takes no writes: " + read_only_remedy(facts));
  }
  const char* where = facts.standby ? ", on the primary server" : "";
  for (const std::string& right : facts.lacking) {
    findings.failed(fmt::format("database: the role lacks a right: run: grant {} to {}{}", right, facts.role, where));
  }
  if (!facts.read_only && facts.lacking.empty()) check_writing(session, findings);
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
  classifier_of(config);
  Findings findings;
  findings.ok(fmt::format("configuration: {}, {}", counted(config.accounts.size(), "account"),
                          counted(customers_of(config), "customer")));
  check_rates(config, findings);
  if (options.offline) return well;
  check_database(config, config_file, findings);
  check_temporary_folder(findings);
  check_api(config, config_file, findings);
  if (findings.failures() == 0) return well;
  fmt::print(stderr, "bounced: {} failed\n", counted(static_cast<std::uint64_t>(findings.failures()), "check"));
  return failed;
}

}  // namespace bounced::daemon
