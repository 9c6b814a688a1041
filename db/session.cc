// SPDX-License-Identifier: Apache-2.0
#include "db/session.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <string>
#include <string_view>

#include "config/text.h"
#include "db/queries.h"

namespace bounced::db {
namespace {

constexpr int oldest_server = 150000;

// The server's words come in several lines.
std::string one_line(std::string_view text) {
  std::string line;
  for (char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t';
    if (!blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string in_statement(const std::string& sql) {
  const auto start = sql.find_first_not_of(" \n\t");
  if (start == std::string::npos) return "";
  constexpr std::size_t enough_to_know_it_by = 80;
  const std::string line = sql.substr(start, sql.find('\n', start) - start);
  return " (in: " + line.substr(0, enough_to_know_it_by) + ")";
}

std::string between(const std::string& line, std::string_view before, std::string_view after) {
  const auto found = line.find(before);
  if (found == line.npos) return {};
  const auto begin = found + before.size();
  const auto end = line.find(after, begin);
  return end == line.npos ? std::string() : line.substr(begin, end - begin);
}

// libpq gives no SQLSTATE for a connection that failed, only the text; where the server speaks another language than
// English these count as unavailable, which is waited for with the text in the log.
[[noreturn]] void throw_not_connected(const std::string& text, const Options& options) {
  struct Known {
    const char* words;
    const char* remedy;
  };
  static constexpr auto known = std::to_array<Known>({
      {"authentication failed", "connect as another role in database.url, or let this one in by pg_hba.conf"},
      {"no pg_hba.conf entry", "let this host and role in by pg_hba.conf"},
      {"permission denied for database", "grant connect on the database to this role"},
      {"certificate verify failed", "correct sslrootcert or the server's certificate"},
      {"server certificate for", "correct the host in database.url or the server's certificate"},
      {"root certificate file", "correct sslrootcert in database.url"},
      {"server does not support SSL", "turn TLS on at the server (ssl = on), or correct sslmode in database.url"},
  });
  const std::string line = one_line(text);
  if (line.find("password authentication failed") != line.npos) {
    const bool is_ours = options.password && options.password->get();
    throw NeedsAction(line + ": correct the password " +
                      (is_ours ? "that database.password names" : "in database.url, PGPASSWORD or ~/.pgpass"));
  }
  if (line.find("no password supplied") != line.npos) throw NeedsAction(line + ": " + options.without_password);
  const char* superuser = line.find("server on socket") != line.npos ? "sudo -u postgres " : "";
  const std::string database = between(line, "FATAL: database \"", "\" does not exist");
  if (!database.empty()) {
    throw NeedsAction(fmt::format("{}: create it: {}createdb -O {} -E UTF8 -T template0 {}", line, superuser,
                                  config::shell_word(role(options)), config::shell_word(database)));
  }
  const std::string missing = between(line, "FATAL: role \"", "\" does not exist");
  if (!missing.empty()) {
    throw NeedsAction(
        fmt::format("{}: create it: {}createuser {}; or be another one: by user= in database.url, or as the service's "
                    "user: sudo -u bounced bounced …",
                    line, superuser, config::shell_word(missing)));
  }
  for (const Known& entry : known)
    if (line.find(entry.words) != line.npos) throw NeedsAction(line + ": " + entry.remedy);
  throw Unavailable(line);
}

}  // namespace

Session::Session(const Options& options) try : connection_(conninfo(options).reveal()) {
  set_up(options.reads_only);
} catch (const pqxx::broken_connection& e) {
  throw_not_connected(e.what(), options);
}

bool Session::usable() {
  if (broken()) return false;
  if (!receivers_.empty()) return true;  // what it says is what it is for
  pollfd unasked{.fd = socket(), .events = POLLIN, .revents = 0};
  return ::poll(&unasked, 1, 0) == 0;
}

void Session::listen(const std::string& channel) {
  with_connection([&](pqxx::connection& connection) {
    receivers_.emplace_back(connection, channel, [this, channel](const std::string& payload) {
      notifications_.emplace_back(channel, payload);
    });
  });
}

std::vector<std::pair<std::string, std::string>> Session::take_notifications() {
  with_connection([](pqxx::connection& connection) { connection.get_notifs(); });
  // 6.4 finds nothing in a connection that has ended, and says no more.
  if (broken()) throw Unavailable("the connection to the database broke");
  return std::exchange(notifications_, {});
}

int Session::socket() {
  return (*connection_).sock();
}

void Session::set_up(bool may_only_read) {
  with_connection([may_only_read](pqxx::connection& connection) {
    if (connection.server_version() < oldest_server)
      throw NeedsAction("the database server is older than PostgreSQL 15: upgrade it, or name another in database.url");
    pqxx::nontransaction tx(connection);
    const pqxx::row row = exec_row(tx, sql::session_settings);
    const auto encoding = row[0].as<std::string>();
    const auto database = row[1].as<std::string>();
    if (row[2].as<std::string>() == "on" && !may_only_read)
      throw Unavailable(
          "the database cannot be written to now: it is a standby, or transactions are read-only by default");
    if (encoding != "UTF8")
      throw NeedsAction("the database \"" + database + "\" is encoded in " + encoding +
                        ", and bounces hold any text: make one that is UTF8: createdb -E UTF8 -T template0 bounced");
  });
}

void Session::rethrow_translated() {
  try {
    throw;
  } catch (const pqxx::in_doubt_error& e) {
    broken_ = true;
    throw InDoubt("the connection to the database broke during a commit: " + one_line(e.what()));
  } catch (const pqxx::transaction_rollback& e) {
    throw Conflict(one_line(e.what()));
  } catch (const pqxx::insufficient_privilege& e) {
    throw NoRight(one_line(e.what()) + in_statement(e.query()) + ": grant it to the role that bounced connects as");
  } catch (const pqxx::sql_error& e) {
    const std::string& state = e.sqlstate();
    const std::string text = one_line(e.what()) + in_statement(e.query());
    const auto is_of_class = [&](const char* prefix) { return state.starts_with(prefix); };
    // 25006: the server has become a standby. The next connection goes where writing is possible. 25P03, 25P04: it ends
    // a connection whose transaction took too long, and its word of it comes before the end does.
    broken_ = broken() || is_of_class("08") || is_of_class("57P") || state == "25006" || state == "25P03" ||
              state == "25P04" || state == "53300";
    if (broken_) throw Unavailable(text);
    if (state == "40001" || state == "40P01" || state == "55P03" || state == "57014") throw Conflict(text);
    throw SqlError(text, state);
  } catch (const pqxx::failure& e) {  // broken_connection among them
    broken_ = broken() || dynamic_cast<const pqxx::broken_connection*>(&e);
    if (!broken_) throw;
    const std::string text = one_line(e.what());
    // 6.4 asks the dead connection for its encoding before it looks at the server's last words, which are lost.
    const bool says_nothing = text.empty() || text.find("client encoding") != text.npos;
    throw Unavailable("the connection to the database broke" + (says_nothing ? "" : ": " + text));
  }
}

void limit_statements(pqxx::work& tx, std::chrono::seconds limit) {
  exec(tx, "select set_config('statement_timeout', $1, true)", std::to_string(limit.count()) + "s");
}

std::string lock_holders(Session& session, const std::string& table) {
  return session.in_transaction(
      [&](pqxx::work& tx) { return exec_row(tx, sql::lock_holders, table)[0].as<std::string>(); });
}

}  // namespace bounced::db
