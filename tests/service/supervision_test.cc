// SPDX-License-Identifier: Apache-2.0
// What the service manager and the journal are told.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "tests/service/service.h"
#include "tests/support/standstill.h"

namespace bounced::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

// Stands where the service manager, or the journal, listens.
class Socket {
 public:
  explicit Socket(const std::string& path) : descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    timeval limit{.tv_sec = hang.count(), .tv_usec = 0};
    if (::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0) {
      throw std::runtime_error("no socket at " + path);
    }
  }
  ~Socket() { ::close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  std::string receive() {
    std::array<char, 4096> text{};
    const ssize_t size = ::recv(descriptor_, text.data(), text.size(), 0);
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  int descriptor_;
};

class Supervision : public Service {
 protected:
  std::unique_ptr<Process> start_supervised(std::map<std::string, std::string> environment = {}) {
    environment["NOTIFY_SOCKET"] = (dir.path() / "notify").string();
    return start({"run"}, std::move(environment));
  }
  // The next word that begins so; others are passed over, for a minute at most.
  std::string wait_for(const std::string& beginning) {
    const auto deadline = std::chrono::steady_clock::now() + hang;
    std::string text;
    do {
      text = manager_.receive();
      words_ += text + '\n';
    } while (!text.empty() && !text.starts_with(beginning) && std::chrono::steady_clock::now() < deadline);
    return text.starts_with(beginning) ? text : "only:\n" + words_;
  }
  std::string next_word() { return manager_.receive(); }
  // All that wait_for() has heard.
  [[nodiscard]] const std::string& words() const { return words_; }
  // The next word that is not about how things stand.
  std::string next_stage() {
    std::string text;
    do {
      text = manager_.receive();
    } while (text.starts_with("STATUS=") || text.starts_with("EXTEND_TIMEOUT_USEC=") || text == "WATCHDOG=1");
    return text;
  }

 private:
  std::string words_;
  Socket manager_{(dir.path() / "notify").string()};
};

TEST_F(Supervision, StagesAreToldInOrder) {
  configure();
  const auto daemon = start_supervised();
  EXPECT_EQ(next_stage(), "READY=1");
  daemon->signal(SIGHUP);
  EXPECT_THAT(next_stage(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
  EXPECT_EQ(next_stage(), "READY=1");
  dir.write("bounced.yaml", "not: a configuration");
  daemon->signal(SIGHUP);
  EXPECT_THAT(next_stage(), HasSubstr("RELOADING=1"));
  EXPECT_EQ(next_stage(), "READY=1");
  EXPECT_THAT(wait_for("STATUS="), HasSubstr("; the configuration was not reloaded"));
  stop(*daemon);
  EXPECT_THAT(next_stage(), HasSubstr("STOPPING=1\nSTATUS=stopping"));
}

TEST_F(Supervision, TheStatusSaysHowThingsStand) {
  configure();
  EXPECT_THAT(run({"sync"}), ended_with(0));
  const auto well = start_supervised();
  EXPECT_EQ(next_stage(), "READY=1");
  EXPECT_THAT(wait_for("STATUS="), MatchesRegex("STATUS=1 customer, last poll 20[0-9-]+ [0-9:]+, no open deletion "
                                                "requests; all is well"));
  stop(*well);
  execute(url(), "update bounced.customers set failures = 2, last_error = 'HTTP 500'");
  execute(url(),
          "update bounced.accounts set paused_until = now() + interval '30 min', paused_because = 'too many calls', "
          "paused_kind = 'rate_limited'");
  execute(url(), "insert into bounced.deletion_requests (customer, email) values ('a@example.com', 'x@example.org')");
  const auto unwell = start_supervised();
  EXPECT_EQ(next_stage(), "STOPPING=1\nSTATUS=stopping: what is being written at the database comes to its end");
  EXPECT_EQ(next_stage(), "READY=1");
  EXPECT_THAT(wait_for("STATUS="),
              AllOf(HasSubstr("1 open deletion request; 1 account paused: main: too many calls; "
                              "1 customer failing: a@example.com: HTTP 500 (see: bounced status)")));
  stop(*unwell);
}

TEST_F(Supervision, AStartThatWaitsForTheDatabaseIsReadyAndSaysWhatItWaitsFor) {
  Cluster late;
  std::string text = config_text();
  text.replace(text.find(daemon_url()), daemon_url().size(), as_bounced(late.create_database(Cluster::Schema::none)));
  dir.write("bounced.yaml", text);
  late.stop();
  const auto daemon = start_supervised({{"WATCHDOG_USEC", "2000000"}});
  EXPECT_THAT(wait_for("STATUS=waiting"), HasSubstr("STATUS=waiting for the database: "));
  EXPECT_EQ(next_stage(), "READY=1");
  // The watchdog counts from then on.
  for (int beat = 0; beat < 5; ++beat) EXPECT_EQ(wait_for("WATCHDOG=1"), "WATCHDOG=1");
  daemon->signal(SIGHUP);
  late.start();
  // The reload comes when it is at work, and READY is not told twice in between.
  EXPECT_THAT(next_stage(), HasSubstr("RELOADING=1"));
  EXPECT_EQ(next_stage(), "READY=1");
  EXPECT_THAT(wait_for("STATUS=1 customer"), HasSubstr("all is well"));
  stop(*daemon);
  EXPECT_THAT(next_stage(), HasSubstr("STOPPING=1"));
}

TEST_F(Supervision, AStartThatMigratesHasTimeAndIsReadyAfterwards) {
  configure();
  const auto daemon = start_supervised();
  EXPECT_EQ(wait_for("EXTEND"), "EXTEND_TIMEOUT_USEC=30000000");
  EXPECT_EQ(next_stage(), "READY=1");
  EXPECT_EQ(value("select count(*) > 0 from bounced.schema_migrations"), "t");
  stop(*daemon);
}

// What the start cannot do without is refused.
TEST_F(Supervision, AStartThatTheDatabaseRefusesIsReadyToo) {
  configure();
  EXPECT_THAT(run({"migrate"}), ended_with(0));
  execute(url(),
          "create function public.deny() returns trigger language plpgsql as "
          "$$ begin raise exception using errcode = '53100', message = 'no space'; end $$; "
          "create trigger trouble before insert on bounced.daemons for each statement execute function public.deny()");
  const auto daemon = start_supervised();
  EXPECT_THAT(wait_for("STATUS=the database"), HasSubstr("refuses work: "));
  EXPECT_EQ(next_stage(), "READY=1");
  execute(url(), "drop trigger trouble on bounced.daemons");
  daemon->wait_for_stderr("started version=");
  stop(*daemon);
}

// Before READY, so that the start fails.
TEST_F(Supervision, ADatabaseThatAPersonMustMendFailsTheStart) {
  std::string text = config_text();
  text.replace(text.find(daemon_url()), daemon_url().size(), Cluster::shared().url("nowhere"));
  dir.write("bounced.yaml", text);
  const auto daemon = start_supervised();
  EXPECT_THAT(end(*daemon), ended_with(2));
  EXPECT_THAT(wait_for("STATUS=ended"), HasSubstr("createdb"));
  EXPECT_THAT(words(), Not(HasSubstr("READY")));
}

TEST_F(Supervision, WhatAPersonMustChangeStandsInTheStatus) {
  dir.write("bounced.yaml", "not: a configuration");
  const auto daemon = start_supervised();
  EXPECT_THAT(end(*daemon), ended_with(2));
  EXPECT_THAT(wait_for("STATUS="), AllOf(HasSubstr("STATUS=ended: "), HasSubstr("unknown key")));
}

// A server process that got stuck is nothing that a connection notices.
TEST_F(Supervision, TheWatchdogIsFedOnlyWhileTheWorkGoesRound) {
  configure();
  const auto daemon = start_supervised({{"WATCHDOG_USEC", "12000000"}});
  EXPECT_EQ(wait_for("WATCHDOG=1"), "WATCHDOG=1");
  daemon->wait_for_stderr("started version=");
  const std::string heartbeat = "application_name = 'bounced run: heartbeat' and state = 'idle' and query = 'COMMIT'";
  wait_until(
      [&] {
        return value("select count(*) from pg_stat_activity where datname = current_database() and " + heartbeat) ==
               "1";
      },
      "the first heartbeat");
  {
    const Standstill stuck(url(), heartbeat);
    EXPECT_THAT(wait_for("STATUS=heartbeat"), HasSubstr("do not go round"));
    EXPECT_THAT(next_word(), HasSubstr("do not go round"));
    // Now it looks dead, to itself too: it must not find that no live daemon has its customers, and let them go.
    execute(url(), "update bounced.daemons set heartbeat = now() - interval '1 min'");
    execute(url(), "select pg_notify('bounced_customers', '')");
    EXPECT_THAT(next_word(), HasSubstr("do not go round"));
    EXPECT_EQ(value("select active from bounced.customers"), "t");
  }
  EXPECT_EQ(wait_for("WATCHDOG=1"), "WATCHDOG=1");
  stop(*daemon);
}

TEST_F(Supervision, StatusShowsWhatIsInFlightAndWhatItWaitsFor) {
  configure();
  api.answer({}, {.hold_head = true});
  const auto daemon = start_supervised();
  EXPECT_EQ(next_stage(), "READY=1");
  wait_until(
      [&] { return value("select in_flight -> 'oldest' -> 0 ->> 'waits_for' from bounced.daemons") == "the list"; },
      "a heartbeat that tells of the poll");
  EXPECT_EQ(value("select in_flight -> 'oldest' -> 0 ->> 'whom' from bounced.daemons"), "a@example.com");
  EXPECT_THAT(run({"status"}), out_has("in flight: 1"));
  api.release();
  wait_until([&] { return value("select in_flight ->> 'count' from bounced.daemons") == "0"; }, "the end of the poll");
  stop(*daemon);
}

class Journal : public Service {};

// The journal's address cannot be changed, so the program gets a file system where ours is there.
TEST_F(Journal, WritesToTheJournalUnderSystemd) {
  const std::filesystem::path real = "/run/systemd/journal";
  const std::string mount = "mount --bind " + dir.path().string() + " " + real.string();
  if (!std::filesystem::exists(real)) GTEST_SKIP() << real << " is not there, so nothing can be put in its place";
  if (Process({"unshare", "-m", "sh", "-c", mount}).wait() != 0) GTEST_SKIP() << "no right to mount";
  Socket journal((dir.path() / "socket").string());
  configure({.log = "{format: auto}"});
  // What systemd sets: the device and inode of standard error.
  const std::string command =
      mount + " && JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec " BOUNCED_PROGRAM " run --config " +
      config_file();
  Process daemon({"unshare", "-m", "sh", "-c", command});
  EXPECT_THAT(journal.receive(), HasSubstr("MESSAGE=applying migration"));
  EXPECT_THAT(journal.receive(), AllOf(HasSubstr("MESSAGE=started version="), HasSubstr("PRIORITY=6"),
                                       HasSubstr("SYSLOG_IDENTIFIER=bounced")));
  EXPECT_THAT(journal.receive(), AllOf(HasSubstr("MESSAGE=mirror changed"), HasSubstr("\nCUSTOMER=a@example.com\n"),
                                       HasSubstr("\nACCOUNT=main\n")));
  EXPECT_EQ(stop(daemon).err, "");
}

}  // namespace
}  // namespace bounced::test
