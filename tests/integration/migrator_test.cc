// SPDX-License-Identifier: Apache-2.0
#include "db/migrator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "db/session.h"
#include "tests/support/cluster.h"

namespace bounced::db {
namespace {

using test::Cluster;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

constexpr SqlFile first{"0001_first.sql", "create table bounced.t (n int); insert into bounced.t values (1);"};
constexpr SqlFile second{"0002_second.sql", "alter table bounced.t add m int default 2;"};
constexpr SqlFile failing{"0003_failing.sql", "drop table bounced.t; select no_such_function();"};

class MigratorTest : public testing::Test {
 protected:
  Cluster& cluster = Cluster::shared();
  const std::string url = cluster.create_database(Cluster::Schema::none);
  const Options options{.url = url, .application = "bounced test: migrate"};
  Session session{options};
};

TEST_F(MigratorTest, AppliesWhatIsPendingInOrder) {
  const std::vector<SqlFile> files{first, second};
  EXPECT_THAT(pending_migrations(session, files), ElementsAre("0001_first.sql", "0002_second.sql"));
  std::vector<std::string> told;
  const MigrationEvents events{.applying = [&](const std::string& name) { told.push_back(name); }};
  EXPECT_THAT(migrate(session, "1.2.3", events, std::span(files).first(1)), ElementsAre("0001_first.sql"));
  EXPECT_THAT(pending_migrations(session, files), ElementsAre("0002_second.sql"));
  EXPECT_THAT(migrate(session, "1.3.0", events, files), ElementsAre("0002_second.sql"));
  EXPECT_THAT(migrate(session, "1.3.0", events, files), IsEmpty());
  EXPECT_THAT(told, ElementsAre("0001_first.sql", "0002_second.sql"));
  EXPECT_EQ(test::query_value(url, "select n || ',' || m from bounced.t"), "1,2");
  EXPECT_EQ(test::query_value(url,
                              "select string_agg(concat_ws(' ', number, name, version), ', ' order by number) "
                              "from bounced.schema_migrations"),
            "1 0001_first.sql 1.2.3, 2 0002_second.sql 1.3.0");
}

TEST_F(MigratorTest, TheProgramsOwnFilesApply) {
  EXPECT_THAT(migrate(session, "1"), testing::SizeIs(std::size(migration_files)));
  EXPECT_THAT(pending_migrations(session), IsEmpty());
}

TEST_F(MigratorTest, AFailingFileLeavesTheOldSchema) {
  const std::vector<SqlFile> files{first, second, failing};
  EXPECT_THAT([&] { migrate(session, "1", {}, files); },
              ThrowsMessage<NeedsAction>(AllOf(HasSubstr("0003_failing.sql"), HasSubstr("no_such_function()"))));
  EXPECT_EQ(test::query_value(url, "select n || ',' || m from bounced.t"), "1,2");
  EXPECT_THAT(pending_migrations(session, files), ElementsAre("0003_failing.sql"));
  // Nothing is left locked.
  Session other(options);
  EXPECT_THROW(migrate(other, "1", {}, files), NeedsAction);
}

TEST_F(MigratorTest, RefusesANewerDatabase) {
  const std::vector<SqlFile> files{first, second};
  migrate(session, "9.9", {}, files);
  const auto is_newer = ThrowsMessage<NeedsAction>(
      AllOf(HasSubstr("newer than this program"), HasSubstr("9.9"), HasSubstr("0002_second.sql")));
  EXPECT_THAT([&] { pending_migrations(session, std::span(files).first(1)); }, is_newer);
  EXPECT_THAT([&] { migrate(session, "1", {}, std::span(files).first(1)); }, is_newer);
}

TEST_F(MigratorTest, RefusesAFileThatWasChanged) {
  migrate(session, "1", {}, std::vector{first});
  const std::vector<SqlFile> changed{SqlFile{first.name, "create table bounced.t (n bigint);"}, second};
  EXPECT_THAT([&] { migrate(session, "1", {}, changed); }, ThrowsMessage<NeedsAction>(HasSubstr("0001_first.sql")));
  EXPECT_EQ(test::query_value(url, "select count(*) from bounced.schema_migrations"), "1");
}

TEST_F(MigratorTest, TwoAtATimeTakeTurns) {
  // The first is inside its file, at a lock that this test holds, when the second comes.
  const std::vector<SqlFile> files{
      {"0001_slow.sql", "select pg_advisory_xact_lock(7); create table bounced.t (n int);"}};
  std::promise<void> applying;
  std::future<std::vector<std::string>> by_first;
  std::future<std::vector<std::string>> by_second;
  session.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select pg_advisory_xact_lock(7)");
    by_first = std::async(std::launch::async, [&] {
      Session own(options);
      return migrate(own, "1", {.applying = [&](const std::string&) { applying.set_value(); }}, files);
    });
    applying.get_future().wait();
    by_second = std::async(std::launch::async, [&] {
      Session own(options);
      return migrate(own, "2", {}, files);
    });
    const char* const waiting = "select count(*) from pg_locks where mode = 'ShareRowExclusiveLock' and not granted";
    while (test::query_value(url, waiting) != "1") std::this_thread::yield();
  });
  EXPECT_THAT(by_first.get(), ElementsAre("0001_slow.sql"));
  EXPECT_THAT(by_second.get(), IsEmpty());
}

TEST_F(MigratorTest, NamesWhoMigrates) {
  const std::vector<SqlFile> files{first, second};
  migrate(session, "1", {}, std::span(files).first(1));
  Session other({.url = url, .application = "somebody"});
  other.in_transaction([&](pqxx::work& tx) {
    exec(tx, "lock table bounced.schema_migrations in share row exclusive mode");
    EXPECT_THAT([&] { migrate(session, "1", {}, files); },
                ThrowsMessage<AnotherMigrates>(HasSubstr("somebody (process ")));
  });
  EXPECT_THAT(migrate(session, "1", {}, files), ElementsAre("0002_second.sql"));
}

// A file that waits for a reader of a table gives up before everybody behind it has waited for long.
TEST_F(MigratorTest, AReaderHoldsUpAFileForSecondsAndNothingElse) {
  const std::vector<SqlFile> files{first, second};
  migrate(session, "1", {}, std::span(files).first(1));
  Session reader(options);
  reader.in_transaction([&](pqxx::work& tx) {
    exec(tx, "select pg_advisory_xact_lock(27707097871508836)");  // what earlier versions waited for
    exec(tx, "select from bounced.schema_migrations");
    exec(tx, "select from bounced.t");
    EXPECT_THAT([&] { migrate(session, "1", {}, files); }, ThrowsMessage<Conflict>(HasSubstr("0002_second.sql")));
  });
  EXPECT_THAT(migrate(session, "1", {}, files), ElementsAre("0002_second.sql"));
}

TEST_F(MigratorTest, ARoleThatDaemonsRunAsKeepsItsRights) {
  std::span<const SqlFile> files = migration_files;
  migrate(session, "1", {}, files.first(6));
  test::execute(
      url,
      "do $$ begin if to_regrole('\"older daemon\"') is null then create role \"older daemon\"; end if; end $$;"
      "grant select, insert, update, delete on bounced.daemons to \"older daemon\"");
  migrate(session, "1");
  EXPECT_EQ(test::query_value(url,
                              "select string_agg(privilege_type, ' ' order by privilege_type) from "
                              "information_schema.role_table_grants where table_name = 'poll_requests' "
                              "and grantee = 'older daemon'"),
            "DELETE SELECT");
}

TEST_F(MigratorTest, EverythingHasAComment) {
  migrate(session, "1");
  EXPECT_EQ(test::query_value(
                url,
                "with objects as ("
                "select c.oid::regclass::text as name, obj_description(c.oid, 'pg_class') as comment from pg_class c "
                "where relnamespace = 'bounced'::regnamespace and (relkind in ('r', 'v') or relname = 'claims') "
                "union all select attrelid::regclass || '.' || attname, col_description(attrelid, attnum) "
                "from pg_attribute join pg_class c on c.oid = attrelid where relnamespace = 'bounced'::regnamespace "
                "and relkind in ('r', 'v') and attnum > 0 and not attisdropped "
                "union all select oid::regprocedure::text, obj_description(oid, 'pg_proc') from pg_proc "
                "where pronamespace = 'bounced'::regnamespace) "
                "select (count(*) > 150)::text || coalesce(string_agg(name, ' ') filter (where comment is null), '') "
                "from objects"),
            "true");
}

// Requests of an older schema, and who may do what with them.
TEST_F(MigratorTest, RequestsAreTheSameWhenOpenAndFinishedOnesAreTakenApart) {
  std::span<const SqlFile> files = migration_files;
  migrate(session, "1", {}, files.first(8));
  test::execute(
      url,
      "do $$ begin if to_regrole('asks') is null then create role asks; create role works; end if; end $$; "
      "grant select, insert (customer, email, note), update (state, note) on bounced.deletion_requests to asks; "
      "grant insert on bounced.daemons to works; grant select, update, delete on bounced.deletion_requests to works; "
      "insert into bounced.accounts (name, api) values ('a', 'v3'); "
      "insert into bounced.customers (name, account, time_zone, poll_every, full_every, recent_days) "
      "values ('c', 'a', '', '1h', '1h', 0); "
      "insert into bounced.deletion_requests (customer, email, note) select 'c', i || '@x', 'n' || i "
      "from generate_series(1, 6) i; "
      "set session_replication_role = replica; "
      "update bounced.deletion_requests set state = 'sending', claimed_by = 1, claim = 7, claimed_at = now() "
      "where request_id = 2; "
      "update bounced.deletion_requests set state = 'done', outcome = 'deleted', finished_at = now() where request_id "
      "= 3; "
      "update bounced.deletion_requests set state = 'failed', last_error = 'no', finished_at = now() where request_id "
      "= 4; "
      "update bounced.deletion_requests set state = 'cancelled', finished_at = now() where request_id = 6");
  const std::string all =
      "select string_agg(to_jsonb(r)::text, ' ' order by request_id) from bounced.deletion_requests r";
  const std::string before = test::query_value(url, all);
  migrate(session, "1");
  EXPECT_EQ(test::query_value(url, all), before);
  EXPECT_EQ(test::query_value(url, "select string_agg(state, ' ' order by request_id) from bounced.deletion_queue"),
            "pending sending pending");
  EXPECT_EQ(test::query_value(url,
                              "insert into bounced.deletion_requests (customer, email) values ('c', 'x@x') "
                              "returning request_id"),
            "7");
  EXPECT_EQ(
      test::query_value(url,
                        "select concat_ws(' ', has_column_privilege('asks', t, 'email', 'insert'), "
                        "has_column_privilege('asks', t, 'state', 'update'), has_table_privilege('asks', t, 'select'), "
                        "has_column_privilege('asks', t, 'email', 'update'), "
                        "has_any_column_privilege('asks', 'bounced.deletion_history', 'select'), "
                        "has_table_privilege('works', 'bounced.deletion_queue', 'delete'), "
                        "has_table_privilege('works', 'bounced.deletion_history', 'insert')) "
                        "from (select 'bounced.deletion_requests'::text) as v (t)"),
      "t t t f f t t");
}

TEST_F(MigratorTest, WhoMayOnlyReadSeesThatAllIsWell) {
  const std::vector<SqlFile> files{first};
  test::execute(url,
                "do $$ begin if to_regrole('reader') is null then create role reader login; end if; end $$;"
                "alter role reader set default_transaction_read_only = on");
  const Options reading{.url = url + " user=reader", .application = "bounced test: check", .reads_only = true};
  Session reader(reading);
  EXPECT_THAT(pending_migrations(reader, files), ElementsAre("0001_first.sql"));
  migrate(session, "1", {}, files);
  EXPECT_THROW(pending_migrations(reader, files), NeedsAction);  // it may not read
  test::execute(url, "grant usage on schema bounced to reader; grant select on bounced.schema_migrations to reader");
  EXPECT_THAT(pending_migrations(reader, files), IsEmpty());
  EXPECT_THAT(migrate(reader, "1", {}, files), IsEmpty());
}

}  // namespace
}  // namespace bounced::db
