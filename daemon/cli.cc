// SPDX-License-Identifier: Apache-2.0
#include "daemon/cli.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <stdexcept>

#include "config/duration.h"
#include "config/text.h"
#include "daemon/errors.h"

namespace bounced::daemon {
namespace {

std::chrono::seconds read_timeout(const std::string& text) {
  constexpr std::chrono::seconds longest = std::chrono::hours(24) * 3650;
  try {
    const std::chrono::seconds timeout = config::parse_duration(text);
    if (timeout < std::chrono::seconds(1)) throw std::invalid_argument("is too short; write 1s at least");
    return std::min(timeout, longest);
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError("--timeout", config::in_quotes(text) + ' ' + error.what());
  }
}

// Every text here is for people who have just typed --help.
struct Parser {
  Arguments arguments;
  RunOptions run;
  SyncOptions sync;
  CheckOptions check;
  MigrateOptions migrate;
  StatusOptions status;
  WhyOptions why;
  CLI::App app{"Mirrors the bounce lists of SendGrid customers into PostgreSQL."};

  Parser() {
    app.name("bounced");
    app.set_version_flag("--version", "bounced " BOUNCED_VERSION);
    app.add_option("--config", arguments.config, "the configuration file")->type_name("FILE")->capture_default_str();
    app.require_subcommand(1);
    app.fallthrough();  // --config after the subcommand too
    app.footer("bounced COMMAND --help says more. Exit codes: 0 well, 1 failed, 2 you must change something first.");

    add("run", "the daemon, in the foreground: polls every customer at its interval, carries out deletions",
        arguments.command, run,
        "Example: bounced run --config ./bounced.yaml\nSIGTERM and SIGINT stop it in good order; a second one at once.")
        ->add_flag("!--no-migrate", run.migrate, "leave the database's migrations to `bounced migrate`");

    CLI::App* sync_command =
        add("sync", "reads the whole list of each customer once, carries out deletion requests, then ends",
            arguments.command, sync, "Example: bounced sync --timeout 1h customer@example.com");
    sync_command->add_option("CUSTOMER", sync.customers, "only these customers")->type_name("");
    sync_command
        ->add_option_function<std::string>(
            "--timeout", [this](const std::string& text) { sync.timeout = read_timeout(text); },
            "give up after so long, as 30s, 5m, 24h or 7d (24h)")
        ->type_name("DURATION");

    add("check", "says what is wrong with configuration, database, credentials and customers", arguments.command, check,
        "Example: bounced check --offline --config ./bounced.yaml")
        ->add_flag("--offline", check.offline, "the configuration file alone: no database, no API");

    add("migrate", "brings the database's schema up to date", arguments.command, migrate,
        "Example: bounced migrate --print | less")
        ->add_flag("--print", migrate.print, "show the SQL that is pending, and change nothing");

    CLI::App* status_command = add("status", "customers, their ages and failures, deletion requests, accounts, daemons",
                                   arguments.command, status, "Example: bounced status --json | jq .customers");
    CLI::Option* queue =
        status_command->add_flag("--queue", status.queue, "the deletion requests of each customer besides");
    CLI::Option* json = status_command->add_flag("--json", status.json, "all of it, for programs");
    status_command
        ->add_flag("--check", status.check, "for monitoring: one line, and the exit code: 0 well, 1 degraded, 2 down")
        ->excludes(queue)
        ->excludes(json);

    CLI::App* why_command =
        add("why", "whether an address is on a list, why, since when, and what became of it", arguments.command, why,
            "Example: bounced why someone@example.com\nExit code 1: the address is on no list.");
    why_command->add_option("ADDRESS", why.address, "the address")->required()->type_name("");
    why_command->add_flag("--json", why.json, "all of it, for programs");
  }

  template <class Command, class Options>
  CLI::App* add(const char* name, const char* what, Command& command, Options& options, const char* footer) {
    CLI::App* subcommand = app.add_subcommand(name, what);
    subcommand->footer(footer);
    subcommand->final_callback([&] { command = options; });
    return subcommand;
  }
};

}  // namespace

Arguments parse_arguments(int argc, const char* const* argv) {
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    parser.arguments.command = ShowText{parser.app.help()};
  } catch (const CLI::CallForVersion& version) {
    parser.arguments.command = ShowText{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    throw MustChange(std::string(error.what()) + "\nRun `bounced --help` for how it is used.");
  }
  return parser.arguments;
}

}  // namespace bounced::daemon
