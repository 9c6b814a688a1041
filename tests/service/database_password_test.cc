// SPDX-License-Identifier: Apache-2.0
// database.password: how the program logs in where the server asks for a password.
#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* password = "right 'password'";

Cluster& server() {
  static Cluster cluster({.tcp = true, .settings = {}});
  return cluster;
}

// The program logs in as a role that owns the database and needs a password (scram-sha-256).
class DatabasePassword : public Service {
 protected:
  DatabasePassword() : Service(server().create_database(Cluster::Schema::none)) {
    execute(url(),
            "do $$ begin if to_regrole('needs_password') is null then create role needs_password login; end if; "
            "end $$");
    set_password(password);
    execute(url(), "alter database " + value("select current_database()") + " owner to needs_password");
    write_key("database.password", password);
  }

  void set_password(std::string text) const {
    for (auto quote = text.find('\''); quote != text.npos; quote = text.find('\'', quote + 2)) text.insert(quote, "'");
    execute(url(), "alter role needs_password password '" + text + "'");
  }
  void configure_with(const std::string& source) {
    const std::string direct = fmt::format("url: \"{}\"", daemon_url());
    const std::string by_password =
        fmt::format("url: \"postgresql://needs_password@127.0.0.1:{}/{}\"{}", server().port(),
                    value("select current_database()"), source.empty() ? "" : ", password: " + source);
    std::string text = config_text();
    dir.write("bounced.yaml", text.replace(text.find(direct), direct.size(), by_password));
  }
  // Of no daemon any session is left, so that each connects anew.
  void end_sessions() const {
    execute(url(), "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'needs_password'");
  }
  static Ended shows_no_password(const Ended& ended) {
    for (const char* text : {"right 'password'", "right ''password''", "top-secret"}) {
      EXPECT_THAT(ended.out + ended.err, Not(HasSubstr(text)));
    }
    return ended;
  }
};

TEST_F(DatabasePassword, EveryCommandLogsInWithIt) {
  for (const char* source :
       {"{file: database.password}", "{env: BOUNCED_TEST_PASSWORD}", "{credential: database.password}"}) {
    configure_with(source);
    const std::map<std::string, std::string> environment{{"BOUNCED_TEST_PASSWORD", password},
                                                         {"CREDENTIALS_DIRECTORY", dir.path().string()}};
    for (const char* command : {"migrate", "sync", "check", "status"}) {
      EXPECT_THAT(shows_no_password(run({command}, environment)), ended_with(0)) << source << ' ' << command;
    }
    const auto daemon = start({"run"}, environment);
    daemon->wait_for_stderr("started version=");
    shows_no_password(stop(*daemon));
  }
  EXPECT_EQ(current_bounces(), "1");
}

TEST_F(DatabasePassword, AWrongOrMissingOneIsForAPersonToMend) {
  write_key("database.password", "top-secret");
  configure_with("{file: database.password}");
  for (const char* command : {"run", "sync", "status", "migrate"}) {
    EXPECT_THAT(shows_no_password(run({command})),
                AllOf(ended_with(2), err_has("correct the password that database.password names")))
        << command;
  }
  EXPECT_THAT(shows_no_password(run({"check"})), AllOf(ended_with(1), out_has("that database.password names")));
  configure_with("");
  EXPECT_THAT(run({"run"}), AllOf(ended_with(2), err_has("say in database.password where the password is")));
}

// People have no credentials of the unit.
TEST_F(DatabasePassword, OutsideTheUnitACommandSaysHowItGetsTheCredential) {
  configure_with("{credential: key_database}");
  for (const char* command : {"status", "migrate"}) {
    EXPECT_THAT(run({command}),
                AllOf(ended_with(2), err_has("the file /etc/bounced/keys/database; run: sudo systemd-run"),
                      err_has(std::string("bounced ") + command + " --config " + config_file())))
        << command;
  }
  EXPECT_THAT(run({"check"}), AllOf(ended_with(1), out_has("bounced check --config " + config_file())));
  EXPECT_THAT(run({"run"}), AllOf(ended_with(2), err_has("exists only inside a systemd unit")));
  // Their own way in.
  EXPECT_THAT(run({"migrate"}, {{"PGPASSWORD", password}}), ended_with(0));
}

TEST_F(DatabasePassword, AReloadTakesTheNewOneEvenWhileTheOldOneIsRefused) {
  configure_with("{file: database.password}");
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("mirror changed");
  set_password("another-password");
  end_sessions();
  daemon->wait_for_stderr("password authentication failed");
  write_key("database.password", "another-password");
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("configuration reloaded");
  api.add("a@example.com", {.email = "later@example.org"});
  execute(url(), "select bounced.poll_now('a@example.com')");
  wait_until([&] { return current_bounces() == "2"; }, "a poll by the new password");
  EXPECT_THAT(shows_no_password(stop(*daemon)).err,
              AllOf(Not(HasSubstr("another-password")), Not(HasSubstr("need a restart"))));
}

TEST_F(DatabasePassword, AReloadTakesTheNewOneWhileTheStartWaitsForTheDatabase) {
  write_key("database.password", "top-secret");
  configure_with("{file: database.password}");
  server().stop();
  const auto daemon = start({"run"});
  daemon->wait_for_stderr("waiting for the database");
  write_key("database.password", password);
  daemon->signal(SIGHUP);
  daemon->wait_for_stderr("the reload waits for the start");
  server().start();
  daemon->wait_for_stderr("configuration reloaded");
  shows_no_password(stop(*daemon));
}

}  // namespace
}  // namespace bounced::test
