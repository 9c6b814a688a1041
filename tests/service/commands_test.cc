// SPDX-License-Identifier: Apache-2.0
// The commands that end by themselves, with their exit codes.
#include <unistd.h>

#include "tests/service/service.h"
#include "tests/support/relay.h"

namespace bounced::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Commands : public Service {};

TEST_F(Commands, HelpAndVersionAreNoErrors) {
  EXPECT_THAT(run({"--help"}), AllOf(ended_with(0), out_has("sync")));
  EXPECT_THAT(run({"sync", "--help"}), AllOf(ended_with(0), out_has("CUSTOMER")));
  EXPECT_THAT(run({"--version"}), AllOf(ended_with(0), out_has("bounced ")));
}

TEST_F(Commands, WrongUsageIsTold) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{}, {"walk"}, {"run", "--fast"}}) {
    const Ended ended = run(arguments);
    EXPECT_THAT(ended, AllOf(ended_with(2), err_has("--help")));
    EXPECT_TRUE(ended.err.starts_with("bounced: ")) << ended.err;
    EXPECT_THAT(ended.out, IsEmpty());
  }
}

TEST_F(Commands, EveryCommandRefusesABadConfigurationAndTellsAllOfIt) {
  configure({.account = "retries: 3", .top = "polling: {every: soon}"});
  for (const char* command : {"run", "sync", "check", "migrate", "status"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("bounced: "), err_has("polling.every"),
                                      err_has("accounts[0].retries"), err_has(config_file() + ":2:")))
        << command;
  }
  std::filesystem::remove(config_file());
  EXPECT_THAT(run({"run"}), AllOf(ended_with(2), err_has("does not exist")));
}

TEST_F(Commands, AnUnreadableKeyStopsThoseWhoNeedIt) {
  configure();
  std::filesystem::remove(dir.path() / "main.key");
  for (const char* command : {"run", "sync", "check"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("accounts[0].key.file: does not exist"))) << command;
  }
  EXPECT_THAT(run({"migrate"}), ended_with(0));
  EXPECT_THAT(run({"status"}), ended_with(0));
}

TEST_F(Commands, ADatabaseThatIsNotThereIsToldWithoutItsPassword) {
  dir.write("bounced.yaml",
            "database: {url: \"postgresql://me:hidden-word@localhost:1/x\"}\n"
            "accounts: [{name: main, user: u, key: {file: main.key}, customers: [a@example.com]}]\n");
  for (const char* command : {"sync", "migrate", "status"}) {
    const Ended ended = run({command});
    EXPECT_THAT(ended, AllOf(ended_with(1), err_has("bounced: "), err_has("refused"))) << command;
    EXPECT_THAT(ended.err, Not(HasSubstr("hidden-word")));
  }
  dir.write("bounced.yaml",
            "database: {url: \"" + Cluster::shared().url("nowhere") + "\"}\n" +
                "accounts: [{name: main, user: u, key: {file: main.key}, customers: [a@example.com]}]\n");
  for (const char* command : {"run", "sync", "migrate", "status"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("createdb"))) << command;
  }
}

TEST_F(Commands, MigratePrintsOrApplies) {
  configure();
  EXPECT_THAT(run({"migrate", "--print"}), AllOf(ended_with(0), out_has("create table bounced.mirror")));
  EXPECT_EQ(value("select to_regnamespace('bounced')"), "null");
  EXPECT_THAT(run({"migrate"}), AllOf(ended_with(0), out_has("Applied"), out_has("0001_mirror.sql")));
  EXPECT_EQ(current_bounces(), "0");
  EXPECT_THAT(run({"migrate"}), AllOf(ended_with(0), out_has("up to date")));
  EXPECT_THAT(run({"migrate", "--print"}), AllOf(ended_with(0), out_has("Nothing is pending")));
}

TEST_F(Commands, ADatabaseThatIsNewerIsRefused) {
  configure();
  run({"migrate"});
  execute(url(), "insert into bounced.schema_migrations values (9999, '9999_future.sql', 'x', now(), '9.0')");
  for (const char* command : {"run", "sync", "migrate"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("newer than this program"))) << command;
  }
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("FAILED            database: the database is newer")));
}

TEST_F(Commands, RunLeavesMigrationsToOthersWhereItIsTold) {
  configure();
  EXPECT_THAT(run({"run", "--no-migrate"}),
              AllOf(ended_with(2), err_has("run: bounced migrate --config " + config_file())));
  EXPECT_EQ(value("select to_regnamespace('bounced')"), "null");
}

TEST_F(Commands, ATimeZoneThatPostgresqlDoesNotKnowIsRefused) {
  std::string text = config_text();
  text.replace(text.find("time_zone: UTC"), 14, "time_zone: Mars/Olympus");
  dir.write("bounced.yaml", text);
  for (const char* command : {"run", "sync"}) {
    EXPECT_THAT(run({command}), AllOf(ended_with(2), err_has("account main"), err_has("Mars/Olympus"))) << command;
  }
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("Mars/Olympus")));
}

TEST_F(Commands, SyncMirrorsEveryCustomerAndEnds) {
  api.generate("b@example.com", 1, 500);
  configure({.customers = "[a@example.com, b@example.com]"});
  const Ended ended = run({"sync"});
  EXPECT_THAT(ended, AllOf(ended_with(0), out_has("2 customers: 2 mirrored (0 held), 0 failed; 501 rows in ")));
  EXPECT_THAT(ended.err, Not(HasSubstr("\r")));
  EXPECT_EQ(current_bounces(), "501");
  EXPECT_EQ(value("select count(*) from bounced.daemons"), "0");
  EXPECT_EQ(value("select count(*) from bounced.customers where claimed_by is not null"), "0");
}

TEST_F(Commands, SyncTakesTheNamedCustomersOnly) {
  api.add("b@example.com", {.email = "y@example.org"});
  configure({.customers = "[a@example.com, b@example.com]"});
  EXPECT_THAT(run({"sync", "b@example.com", "b@example.com"}), AllOf(ended_with(0), out_has("1 customer: 1 mirrored")));
  EXPECT_EQ(value("select string_agg(customer, ',') from bounced.bounces"), "b@example.com");
  EXPECT_THAT(run({"sync", "b@exmaple.com"}),
              AllOf(ended_with(2), err_has("\"b@exmaple.com\""), err_has("did you mean \"b@example.com\"?")));
}

TEST_F(Commands, SyncNamesEachThatFailed) {
  api.answer({.customer = "b@example.com"}, {.status = 500, .body = "<html>down</html>", .content_type = "text/html"});
  api.add("b@example.com", {.email = "y@example.org"});
  configure({.customers = "[a@example.com, b@example.com]"});
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(1), err_has("bounced: customer b@example.com failed: "),
                                   out_has("2 customers: 1 mirrored (0 held), 1 failed")));
  EXPECT_EQ(current_bounces(), "1");
}

TEST_F(Commands, SyncNamesHeldListsAndIsWell) {
  api.generate("a@example.com", 1, 100);
  configure();
  ASSERT_THAT(run({"sync"}), ended_with(0));
  const std::string before = current_bounces();
  api.clear("a@example.com");
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(0), out_has("customer a@example.com: held: "), out_has("(1 held)")));
  EXPECT_EQ(current_bounces(), before);
}

TEST_F(Commands, SyncSaysOnceThatCredentialsAreWrongAndNamesAllCustomers) {
  write_key("main.key", "wrong");
  api.add("b@example.com", {.email = "y@example.org"});
  configure({.customers = "[a@example.com, b@example.com]", .account = "concurrency: 1"});
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(1), err_has("account paused account=main kind=credentials"),
                                   err_has("customer a@example.com failed"), err_has("customer b@example.com failed")));
  EXPECT_EQ(api.counters().calls, 1U);
}

TEST_F(Commands, SyncShowsItsProgressOnATerminal) {
  api.generate("a@example.com", 1, 5000);
  configure();
  Process terminal({"script", "-qec", std::string(BOUNCED_PROGRAM) + " sync --config " + config_file(), "/dev/null"});
  const Ended ended = end(terminal);
  EXPECT_THAT(ended,
              AllOf(ended_with(0), out_has("\r0/1 customers, "), out_has(" rows/s\x1b[K"), out_has("1 mirrored")));
}

TEST_F(Commands, SyncIsStoppedInGoodOrder) {
  api.add("b@example.com", {.email = "y@example.org"});
  configure({.customers = "[a@example.com, b@example.com]"});
  api.answer({.customer = "b@example.com"}, {.hold_head = true});
  const auto sync = start({"sync"});
  ASSERT_TRUE(api.wait_for([](const simulator::Counters& now) { return now.held == 1 && now.answered == 1; }));
  wait_until([&] { return current_bounces() == "1"; }, "the first customer is mirrored");
  sync->signal(SIGINT);
  EXPECT_THAT(end(*sync), AllOf(ended_with(1), err_has("bounced: stopped: 1 of 2 customers done")));
  EXPECT_EQ(value("select count(*) from bounced.customers where claimed_by is not null"), "0");
  EXPECT_EQ(value("select count(*) from bounced.daemons"), "0");
}

TEST_F(Commands, SyncGivesUpOnAnAccountThatIsLimitedForEver) {
  api.answer({.customer = "a@example.com"}, {.status = 429, .body = "{}", .headers = {{"Retry-After", "300"}}}, 100);
  configure();
  run({"migrate"});
  EXPECT_THAT(run({"sync", "--timeout", "9s"}),
              AllOf(ended_with(1), err_has("bounced: waiting: account main: its lists are paused until "),
                    err_has("rate_limited: "), err_has("HTTP 429"),
                    err_has("bounced: gave up after 9s (--timeout): 0 of 1 customer "),
                    err_has("bounced: it waited for: account main: its lists are paused until "),
                    err_has("bounced: customer a@example.com: not done\n")));
  EXPECT_EQ(value("select count(*) from bounced.customers where claimed_by is not null"), "0");
  EXPECT_EQ(value("select count(*) from bounced.daemons"), "0");
}

TEST_F(Commands, SyncSaysThatItWaitsForAnotherDaemon) {
  configure();
  ASSERT_THAT(run({"sync"}), ended_with(0));
  execute(url(),
          "insert into bounced.daemons (host, pid, version, heartbeat) values ('else\x1b[31mwhere', 42, '1', "
          "now() + interval '1h');"
          "update bounced.customers set claimed_by = (select max(daemon_id) from bounced.daemons)");
  const auto sync = start({"sync"});
  sync->wait_for_stderr("waiting: customer a@example.com: polled by daemon");
  execute(url(), "delete from bounced.daemons where pid = 42");
  EXPECT_THAT(end(*sync), AllOf(ended_with(0), err_has("on else?[31mwhere (pid 42)")));
}

TEST_F(Commands, SyncSaysThatItWaitsForAMigration) {
  configure();
  run({"migrate"});
  execute(url(),
          "delete from bounced.schema_migrations where version = (select max(version) from bounced.schema_migrations)");
  const auto psql = std::make_unique<Process>(std::vector<std::string>{
      "psql", url(), "-c",
      "begin; lock table bounced.schema_migrations in share row exclusive mode; select pg_sleep(60)"});
  wait_until(
      [&] {
        return value(
                   "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = "
                   "current_database()") == "1";
      },
      "the lock is held");
  EXPECT_THAT(
      run({"sync", "--timeout", "14s"}),
      AllOf(ended_with(1), err_has("bounced: waiting: another migration is under way"), err_has("gave up after")));
}

TEST_F(Commands, SyncGivesUpOnADatabaseThatDoesNotAnswer) {
  Cluster cluster({.tcp = true, .settings = {}});
  Relay relay("127.0.0.1", 0, static_cast<std::uint16_t>(cluster.port()));
  execute(cluster.url(), "create database test owner bounced encoding 'UTF8' template template0");
  std::string text = config_text();
  text.replace(text.find(daemon_url()), daemon_url().size(),
               fmt::format("host=127.0.0.1 port={} user=bounced dbname=test", relay.port()));
  dir.write("bounced.yaml", text);
  api.answer({.customer = "a@example.com"}, {.hold_head = true});
  const auto sync = start({"sync", "--timeout", "10s"});
  ASSERT_TRUE(api.wait_for_held(1));
  relay.cut();
  EXPECT_THAT(end(*sync), AllOf(ended_with(1), err_has("bounced: waiting: the database, which does not answer"),
                                err_has("bounced: gave up after 10s (--timeout)")));
}

TEST_F(Commands, CheckSaysThatAllIsWell) {
  api.generate("a@example.com", 1, 100'000);  // of which the beginning is enough
  api.set_gzip(simulator::Gzip::never);
  configure();
  EXPECT_THAT(run({"check"}), AllOf(ended_with(0), out_has("ok                configuration: 1 account, 1 customer\n"),
                                    out_has("ok                database: PostgreSQL "), out_has("migrations pending"),
                                    out_has("ok                account main: the API takes its credentials\n"),
                                    out_has("ok                customer a@example.com of account main\n")));
  EXPECT_LT(api.counters().body_bytes, 5'000'000U);
  EXPECT_EQ(value("select to_regnamespace('bounced')"), "null");
}

TEST_F(Commands, CheckOfflineLooksAtTheFileAlone) {
  configure({.rate_limit = "10/1m", .top = "polling: {every: 2s}"});
  api.stop();
  const Ended ended = run({"check", "--offline"});
  EXPECT_THAT(ended, AllOf(ended_with(0), out_has("ok                configuration"),
                           out_has("warning           account main: its polls ask for 30 calls a minute, rate_limit "
                                   "allows 10")));
  EXPECT_THAT(ended.out, Not(HasSubstr("database")));
}

TEST_F(Commands, CheckTellsWhatIsWrongAtTheApiAndGoesOn) {
  api.add("b@example.com", {.email = "y@example.org"});
  api.answer({.customer = "b@example.com"}, {.status = 429, .body = "{}", .headers = {{"Retry-After", "1"}}});
  configure({.customers = "[unknown@example.com, b@example.com, a@example.com]", .account = "concurrency: 2"});
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("ok                account main: the API takes"),
                                    out_has("FAILED            customer unknown@example.com of account main: "),
                                    out_has("ok                customer b@example.com"),
                                    out_has("ok                customer a@example.com"), err_has("1 check failed")));
}

TEST_F(Commands, CheckSendsWrongCredentialsOnce) {
  write_key("main.key", "wrong");
  configure({.customers = "[a@example.com, b@example.com, c@example.com]"});
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("FAILED            account main: "),
                                    out_has("correct the user or the key")));
  EXPECT_EQ(api.counters().calls, 1U);
}

TEST_F(Commands, CheckGoesOnWithoutADatabaseAndWithoutAnApi) {
  configure();
  api.stop();
  std::string text = config_text();
  text.replace(text.find("dbname=test"), 11, "dbname=void");
  dir.write("bounced.yaml", text);
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("FAILED            database: "), out_has("createdb"),
                                    out_has("FAILED            account main: "), err_has("2 checks failed")));
}

TEST_F(Commands, CheckTellsWhichRightsTheRoleLacks) {
  configure();
  run({"migrate"});
  execute(url(),
          "do $$ begin if to_regrole('poor') is null then create role poor login; end if; end $$;"
          "grant usage on schema bounced to poor; grant select on all tables in schema bounced to poor");
  std::string text = config_text();
  text.replace(text.find("user=bounced"), 12, "user=poor");
  dir.write("bounced.yaml", text);
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("grant insert on bounced.mirror"),
                                    Not(out_has("grant select on bounced.mirror ")), out_has("bounced.claims"),
                                    out_has("grant delete on bounced.mirror"), out_has("bounced.poll_requests"),
                                    out_has("bounced.next_slot")));
  EXPECT_THAT(run({"run"}), AllOf(ended_with(2), err_has("insert on bounced.mirror"), err_has("bounced.next_slot")));
}

TEST_F(Commands, CheckOffersARemedyThatFitsADatabaseWhichTakesNoWrites) {
  configure();
  run({"migrate"});
  const std::string name = value("select current_database()");
  execute(url(), "alter database " + name + " set default_transaction_read_only = on");
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1),
                                    out_has("FAILED            database: it takes no writes: run: alter database " +
                                            name + " reset default_transaction_read_only"),
                                    Not(out_has("primary"))));
  execute(Cluster::shared().url(), "alter database " + name + " reset default_transaction_read_only");
  std::string text = config_text();
  text.replace(text.find(daemon_url()), daemon_url().size(),
               daemon_url() + " options='-c default_transaction_read_only=on'");
  dir.write("bounced.yaml", text);
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("database.url or PGOPTIONS: remove it")));
}

TEST_F(Commands, CheckTriesWhatADaemonDoesAtTheDatabase) {
  configure();
  run({"migrate"});
  EXPECT_THAT(run({"check"}), AllOf(ended_with(0), out_has("ok                database: temporary tables\n"),
                                    out_has("ok                database: writing\n"),
                                    out_has("ok                folder for long lists\n")));
  for (const char* table : {"accounts", "customers", "daemons", "polls", "mirror"}) {
    EXPECT_EQ(value(fmt::format("select count(*) from bounced.{}", table)), "0") << table;
  }
  execute(url(), "alter sequence bounced.claims maxvalue 1000; select setval('bounced.claims', 1000)");
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("FAILED            database: writing: "),
                                    out_has("reached maximum value of sequence \"claims\""), out_has("sequences")));
  execute(url(), "alter sequence bounced.claims no maxvalue");
  // As after a restore of the data without its sequences.
  ASSERT_THAT(run({"sync"}), ended_with(0));
  execute(url(), "alter table bounced.customers alter customer_id restart");
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("FAILED            database: writing: "),
                                    out_has("the sequence of bounced.customers.customer_id is behind")));
  execute(url(), "alter table bounced.customers alter customer_id restart with 1000");
  EXPECT_THAT(run({"check"}), ended_with(0));
}

TEST_F(Commands, CheckTriesTheFolderForLongListsAndTemporaryTables) {
  configure();
  const std::string nowhere = (dir.path() / "nowhere").string();
  EXPECT_THAT(run({"check"}, {{"TMPDIR", nowhere}}),
              AllOf(ended_with(1), out_has("FAILED            folder for long lists: " + nowhere), out_has("TMPDIR")));
  execute(url(), "do $$ begin if to_regrole('poor') is null then create role poor login; end if; end $$");
  const std::string name = value("select current_database()");
  execute(url(),
          "revoke temporary on database " + name + " from public; grant create on database " + name + " to poor");
  std::string text = config_text();
  text.replace(text.find("user=bounced"), 12, "user=poor");
  dir.write("bounced.yaml", text);
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("grant temporary on database " + name + " to poor")));
}

TEST_F(Commands, ACredentialIsCheckedInTheUnitOnly) {
  std::string text = config_text();
  text.replace(text.find("{file: main.key}"), 16, "{credential: sendgrid}");
  dir.write("bounced.yaml", text);
  EXPECT_THAT(run({"check"}), AllOf(ended_with(0), out_has("not checked here  account main: "),
                                    out_has("LoadCredential=sendgrid:PATH bounced check --config " + config_file())));
  EXPECT_EQ(api.counters().calls, 0U);
  write_key("sendgrid", key);
  EXPECT_THAT(run({"check"}, {{"CREDENTIALS_DIRECTORY", dir.path().string()}}),
              AllOf(ended_with(0), out_has("ok                customer a@example.com")));
  EXPECT_THAT(run({"sync"}), AllOf(ended_with(2), err_has("systemd")));
}

TEST_F(Commands, StatusNeedsASchema) {
  configure();
  EXPECT_THAT(run({"status"}), AllOf(ended_with(2), err_has("bounced migrate")));
}

TEST_F(Commands, StatusTellsAMonitoringSystemHowThingsStand) {
  const auto is = [](int code, const std::string& beginning) {
    return AllOf(ended_with(code), testing::Field("out", &Ended::out, testing::StartsWith(beginning)),
                 testing::Field("out", &Ended::out, testing::ContainsRegex("^[^\n]*\n$")),
                 testing::Field("err", &Ended::err, IsEmpty()));
  };
  configure();
  EXPECT_THAT(run({"status", "--check"}), is(2, "DOWN: the database: the database has no bounced schema yet"));
  run({"migrate"});
  EXPECT_THAT(run({"status", "--check"}), is(2, "DOWN: no daemon is running"));
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  EXPECT_THAT(run({"status", "--check"}), is(0, "OK: 1 customer, 1 daemon"));
  execute(url(), "update bounced.customers set failures = 2, last_error = 'refused: no'");
  EXPECT_THAT(run({"status", "--check"}), is(1, "DEGRADED: 1 customer failing (a@example.com: refused: no)"));
  EXPECT_THAT(run({"status"}), ended_with(0));
  // A daemon that only was there: what the database says of it is not enough.
  daemon->signal(SIGSTOP);
  execute(url(), "update bounced.daemons set heartbeat = now() - interval '21 s'");
  EXPECT_THAT(run({"status", "--check"}), is(2, "DOWN: no daemon is running"));
  daemon->signal(SIGCONT);
  stop(*daemon);
  dir.write("bounced.yaml", "nonsense: true\n");
  EXPECT_THAT(run({"status", "--check"}), is(2, "DOWN: the configuration: "));
}

TEST_F(Commands, StatusTellsAMonitoringSystemOfADatabaseThatIsAway) {
  Cluster cluster;
  execute(cluster.url(), "create database test owner bounced encoding 'UTF8' template template0");
  std::string text = config_text();
  text.replace(text.find(daemon_url()), daemon_url().size(), as_bounced(cluster.url("test")));
  dir.write("bounced.yaml", text);
  cluster.stop();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("waiting for the database");
  EXPECT_THAT(run({"status", "--check"}),
              AllOf(ended_with(2), testing::Field("out", &Ended::out, testing::StartsWith("DOWN: the database: "))));
  cluster.start();
  daemon->wait_for_stderr("mirror changed");
  EXPECT_THAT(run({"status", "--check"}), AllOf(ended_with(0), out_has("OK: ")));
  stop(*daemon);
}

TEST_F(Commands, StatusShowsHowThingsStand) {
  configure({.customers = "[a@example.com, unknown@example.com]"});
  ASSERT_THAT(run({"sync"}), ended_with(1));
  EXPECT_THAT(run({"status"}), AllOf(ended_with(0), out_has("2 customers, 2 active: 1 failing, 0 held, 1 never polled"),
                                     out_has("1 current bounce\n"), out_has("\nunknown@example.com  1 "),
                                     out_has("\n    not_permitted: "), out_has("No daemon is running.")));
  const Ended json = run({"status", "--json"});
  ASSERT_THAT(json, ended_with(0));
  const auto field = [&](const std::string& path) {
    return value(fmt::format("select $json${}$json$::jsonb #>> '{{{}}}'", json.out, path));
  };
  EXPECT_EQ(field("totals,failing"), "1");
  EXPECT_EQ(field("customers,0,name"), "a@example.com");
  EXPECT_EQ(field("customers,0,last_poll_at"),
            value("select to_char(last_poll_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
                  "from bounced.customers where name = 'a@example.com'"));
  EXPECT_EQ(field("customers,1,failures"), "1");
  EXPECT_EQ(field("accounts,0,name"), "main");
}

}  // namespace
}  // namespace bounced::test
