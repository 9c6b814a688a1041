// SPDX-License-Identifier: Apache-2.0
#include "db/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/copy.h"
#include "db/daemons.h"
#include "tests/support/cluster.h"

namespace bounced::db {
namespace {

using test::Cluster;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

Options options_for(const std::string& url) {
  return {.url = url, .application = "bounced test: work"};
}

std::string value(Session& session, const std::string& sql) {
  return session.in_transaction([&](pqxx::work& tx) { return exec_row(tx, sql)[0].as<std::string>(); });
}

class SessionTest : public testing::Test {
 protected:
  Cluster& cluster = Cluster::shared();
  const std::string url = cluster.create_database(Cluster::Schema::none);
};

TEST_F(SessionTest, HasItsSettings) {
  Session session(options_for(url));
  EXPECT_EQ(value(session, "show application_name"), "bounced test: work");
  EXPECT_EQ(value(session, "show statement_timeout"), "10min");
  EXPECT_EQ(value(session, "show timezone"), "UTC");
  session.in_transaction([](pqxx::work& tx) {
    limit_statements(tx, std::chrono::seconds(7200));
    EXPECT_EQ(exec_row(tx, "show statement_timeout")[0].as<std::string>(), "2h");
  });
  EXPECT_EQ(value(session, "show statement_timeout"), "10min");
}

// Whatever the defaults of a role or a database are.
TEST_F(SessionTest, HasWhatItsQueriesRelyOn) {
  const std::string database = Session(options_for(url)).in_transaction([](pqxx::work& tx) {
    return exec_row(tx, "select current_database()")[0].as<std::string>();
  });
  for (const char* setting : {"default_transaction_isolation = 'serializable'", "array_nulls = off",
                              "row_security = off", "idle_session_timeout = '1s'"}) {
    test::execute(url, "alter database \"" + database + "\" set " + setting);
  }
  Session session(options_for(url));
  EXPECT_EQ(value(session, "show transaction_isolation"), "read committed");
  EXPECT_EQ(value(session, "select '{NULL}'::int[] is null or array_ndims('{NULL}'::int[]) = 1"), "t");
  EXPECT_EQ(value(session, "show row_security"), "on");
  EXPECT_EQ(value(session, "show idle_session_timeout"), "0");
}

TEST_F(SessionTest, AServerThatTakesNoWritesIsAbsentForWhoWrites) {
  const std::string database = Session(options_for(url)).in_transaction([](pqxx::work& tx) {
    return exec_row(tx, "select current_database()")[0].as<std::string>();
  });
  test::execute(url, "alter database \"" + database + "\" set default_transaction_read_only = on");
  EXPECT_THAT([&] { Session session(options_for(url)); }, ThrowsMessage<Unavailable>(HasSubstr("cannot be written")));
  Options reading = options_for(url);
  reading.reads_only = true;
  Session session(reading);
}

TEST_F(SessionTest, OnlyABrokenSessionIsTheDatabasesAbsence) {
  EXPECT_TRUE(is_absence(Unavailable("")));
  EXPECT_TRUE(is_absence(NeedsAction("the password is wrong")));
  EXPECT_FALSE(is_absence(NoRight("")));
  EXPECT_FALSE(is_absence(Conflict("")));
  EXPECT_FALSE(is_absence(SqlError("", "53100")));
  EXPECT_TRUE(is_database_fault(SqlError("", "53100")));
}

TEST_F(SessionTest, KeepsWhatTheUrlSays) {
  const auto text_of = [](const std::string& given) { return conninfo(options_for(given)).reveal(); };
  const std::string text = text_of("postgresql://h1,h2/db?connect_timeout=3&application_name=blue");
  EXPECT_THAT(text, AllOf(HasSubstr("connect_timeout='3'"), HasSubstr("application_name='blue bounced test: work'"),
                          HasSubstr("target_session_attrs='read-write'"), HasSubstr("keepalives_idle='10'")));
  EXPECT_THAT(text_of("postgresql:///db"), Not(HasSubstr("target_session_attrs")));
  EXPECT_THAT(text_of("postgresql://h1,h2/db?target_session_attrs=any"), HasSubstr("target_session_attrs='any'"));
  EXPECT_THAT(text_of(R"(password='a\'b\\c')"), HasSubstr(R"(password='a\'b\\c')"));
}

TEST_F(SessionTest, NeverRepeatsAPassword) {
  for (const char* bad :
       {"postgresql://me:se%zzcret@host/db", "postgresql://me:top@secret@host/db", "postgresql://me:top/secret@host/db",
        "host=h password=top secret", "postgresql://[secret/db", "postgresql://h/db?secret=1"}) {
    EXPECT_THAT([&] { Session session(options_for(bad)); },
                ThrowsMessage<NeedsAction>(AllOf(HasSubstr("database.url"), Not(HasSubstr("cret")))))
        << bad;
  }
}

TEST_F(SessionTest, SaysWhatAPersonMustDo) {
  test::execute(cluster.url(), "create database latin encoding 'LATIN1' locale 'C' template template0");
  EXPECT_THAT([&] { Session session(options_for(cluster.url("latin"))); },
              ThrowsMessage<NeedsAction>(HasSubstr("createdb -E UTF8 -T template0 bounced")));
  EXPECT_THAT([&] { Session session(options_for(cluster.url("nowhere"))); },
              ThrowsMessage<NeedsAction>(HasSubstr("createdb")));
  EXPECT_THAT([&] { Session session(options_for(url + " user=nobody_here")); },
              ThrowsMessage<NeedsAction>(HasSubstr("createuser")));
  EXPECT_THROW(Session(options_for("host=/nowhere")), Unavailable);
}

TEST_F(SessionTest, AWrongPasswordIsForAPersonToMend) {
  Cluster own({.tcp = true, .settings = {}});
  test::execute(own.url(), "create role needs_password login password 'right'");
  const std::string host = "@127.0.0.1:" + std::to_string(own.port()) + "/postgres";
  Session session(options_for("postgresql://needs_password:right" + host));
  EXPECT_THAT([&] { Session refused(options_for("postgresql://needs_password:topsecret" + host)); },
              ThrowsMessage<NeedsAction>(AllOf(HasSubstr("correct the password"), Not(HasSubstr("topsecret")))));
}

TEST_F(SessionTest, ThePasswordIsGivenApartAndCountsForConnectionsToCome) {
  Cluster own({.tcp = true, .settings = {}});
  const std::string odd = R"(it's a \ "word")";
  test::execute(own.url(), R"(create role needs_password login password 'it''s a \ "word"')");
  const auto password = std::make_shared<Password>(config::Secret("topsecret"));
  Options options = options_for("postgresql://needs_password@127.0.0.1:" + std::to_string(own.port()) + "/postgres");
  EXPECT_THAT([&] { Session session(options); },
              ThrowsMessage<NeedsAction>(HasSubstr("say in database.password where the password is")));
  options.password = password;
  EXPECT_THAT([&] { Session session(options); },
              ThrowsMessage<NeedsAction>(
                  AllOf(HasSubstr("correct the password that database.password names"), Not(HasSubstr("topsecret")))));
  password->set(config::Secret(odd));
  EXPECT_EQ(Session(options).broken(), false);
  options.url = "postgresql://needs_password:other@127.0.0.1/postgres";
  EXPECT_THAT([&] { Session session(options); },
              ThrowsMessage<NeedsAction>(AllOf(HasSubstr("remove it from database.url"), Not(HasSubstr("other")))));
}

TEST_F(SessionTest, GoesToTheHostThatWorksAndCanBeWritten) {
  Cluster reading({.tcp = true, .settings = {"default_transaction_read_only=on"}});
  Cluster writing({.tcp = true, .settings = {}});
  int dead_port = 0;
  {
    Cluster dead({.tcp = true, .settings = {}});
    dead_port = dead.port();
  }
  const auto host = [](int port) { return "127.0.0.1:" + std::to_string(port); };
  Session session(options_for("postgresql://postgres@" + host(dead_port) + "," + host(reading.port()) + "," +
                              host(writing.port()) + "/postgres"));
  EXPECT_EQ(value(session, "select inet_server_port()"), std::to_string(writing.port()));
}

TEST_F(SessionTest, TellsConflictsFromFaults) {
  test::execute(url, "create table t (n int)");
  Session first(options_for(url));
  Session second(options_for(url));
  first.in_transaction([&](pqxx::work& tx) {
    exec(tx, "lock table t");
    EXPECT_THROW(second.in_transaction([](pqxx::work& other) { exec(other, "lock table t nowait"); }), Conflict);
  });
  EXPECT_THROW(
      first.in_transaction([](pqxx::work& tx) { exec(tx, "set local statement_timeout = 1; select pg_sleep(10)"); }),
      Conflict);
  EXPECT_THROW(first.in_transaction(
                   [](pqxx::work& tx) { exec(tx, "do $$ begin raise exception using errcode = '40001'; end $$"); }),
               Conflict);
  EXPECT_THROW(first.in_transaction(
                   [](pqxx::work& tx) { exec(tx, "do $$ begin raise exception using errcode = '53100'; end $$"); }),
               SqlError);
  EXPECT_FALSE(first.broken() || second.broken());
  // As the server says it of a connection that it is about to end.
  EXPECT_THROW(first.in_transaction(
                   [](pqxx::work& tx) { exec(tx, "do $$ begin raise exception using errcode = '25P03'; end $$"); }),
               Unavailable);
  EXPECT_TRUE(first.broken());
  test::execute(url, "do $$ begin if to_regrole('guest') is null then create role guest login; end if; end $$");
  Session guest(options_for(url + " user=guest"));
  EXPECT_THROW(guest.in_transaction([](pqxx::work& tx) { exec(tx, "select * from t"); }), NoRight);
}

TEST_F(SessionTest, PassesParameters) {
  Session session(options_for(url));
  session.in_transaction([](pqxx::work& tx) {
    const std::vector<std::optional<std::string>> texts{"plain", "", "a\"b\\c,{}", std::nullopt, "NULL"};
    const pqxx::row row =
        exec_row(tx,
                 "select $1::int, $2::text, $3::text, $4::bool, $5::text[] = array['plain', '', 'a\"b\\c,{}', null, "
                 "'NULL'], $6::int[]",
                 std::optional<int>(5), std::optional<int>(), "it's", true, texts, std::vector<int>{1, 2});
    EXPECT_EQ(get<int>(row[0]), 5);
    EXPECT_EQ(get<std::string>(row[1]), std::nullopt);
    EXPECT_EQ(row[2].as<std::string>(), "it's");
    EXPECT_TRUE(row[3].as<bool>());
    EXPECT_TRUE(row[4].as<bool>());
    EXPECT_EQ(row[5].as<std::string>(), "{1,2}");
  });
}

TEST_F(SessionTest, CopiesEveryText) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  const std::vector<std::optional<std::string>> texts{
      "", std::nullopt, "\\N", "\\.", "a\tb\nc\rd\\e", all, "ä€😀", std::string(300'000, 'x')};
  Session session(options_for(url));
  session.in_transaction([&](pqxx::work& tx) {
    exec(tx, "create temp table texts (n int, t text, u text) on commit drop");
    CopyWriter copy(tx, "texts", {"n", "t", "u"});
    for (std::size_t i = 0; i < texts.size(); ++i) copy.row({std::to_string(i), texts[i], std::nullopt});
    copy.finish();
    const pqxx::result rows = exec(tx, "select t, u from texts order by n");
    ASSERT_EQ(static_cast<std::size_t>(rows.size()), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(get<std::string>(rows[static_cast<int>(i)][0]), texts[i]);
      EXPECT_TRUE(rows[static_cast<int>(i)][1].is_null());
    }
  });
}

TEST_F(SessionTest, AnAbandonedOrRefusedCopyLeavesAGoodSession) {
  test::execute(url, "create table numbers (n int)");
  Session session(options_for(url));
  EXPECT_THROW(session.in_transaction([](pqxx::work& tx) {
    CopyWriter copy(tx, "numbers", {"n"});
    copy.row({"1"});
    throw std::out_of_range("the work's own");
  }),
               std::out_of_range);
  EXPECT_THROW(session.in_transaction([](pqxx::work& tx) {
    CopyWriter copy(tx, "numbers", {"n"});
    copy.row({"one"});
    copy.finish();
  }),
               SqlError);
  EXPECT_EQ(value(session, "select count(*) from numbers"), "0");
}

// A daemon that was stopped in the middle of a transaction keeps its locks until then.
TEST_F(SessionTest, LocksGoBeforeTheDaemonIsTakenForDead) {
  Session session(options_for(url));
  const std::string limit = value(session, "show idle_in_transaction_session_timeout");
  EXPECT_EQ(limit, "10s");
  EXPECT_LT(std::stoi(limit), dead_after_seconds);
}

}  // namespace
}  // namespace bounced::db
