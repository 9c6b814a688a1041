// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "db/errors.h"
#include "db/options.h"
#include "db/pqxx_compat.h"

namespace bounced::db {

// One open connection to PostgreSQL, with time limits and settings that the queries rely on (UTC, ISO dates, UTF-8).
// To be used by one thread at a time. Once broken it stays broken: destroy it and make another.
class Session {
 public:
  // Throws Unavailable or NeedsAction.
  explicit Session(const Options& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool broken() const { return broken_ || !connection_.is_open(); }

  // Whether an idle session can be expected to work, found out without asking the server: what it says unasked is
  // mostly its farewell. Wrong about a session whose server just told a changed setting; another one serves as well.
  bool usable();

  // Begins a transaction, runs work(pqxx::work&), commits, and gives work's result. When anything throws, the
  // transaction is rolled back, and libpqxx's errors become those of db/errors.h.
  template <class Work>
  auto in_transaction(Work&& work) -> std::invoke_result_t<Work&, pqxx::work&> {
    return with_connection([&](pqxx::connection& connection) -> std::invoke_result_t<Work&, pqxx::work&> {
      pqxx::work tx(connection);
      if constexpr (std::is_void_v<std::invoke_result_t<Work&, pqxx::work&>>) {
        work(tx);
        tx.commit();
      } else {
        auto result = work(tx);
        tx.commit();
        return result;
      }
    });
  }

  // The same translation of errors, for what cannot be done in a transaction.
  template <class Use>
  auto with_connection(Use&& use) -> std::invoke_result_t<Use&, pqxx::connection&> {
    try {
      return use(*connection_);
    } catch (...) {
      rethrow_translated();
    }
  }

  // LISTEN. Only for a session that does nothing else.
  void listen(const std::string& channel);
  // What has arrived; does not wait. Each item: channel, payload.
  std::vector<std::pair<std::string, std::string>> take_notifications();
  int socket();

 private:
  void set_up(bool may_only_read);
  [[noreturn]] void rethrow_translated();

  TamedConnection connection_;
  bool broken_ = false;
  std::vector<std::pair<std::string, std::string>> notifications_;
  std::list<Receiver> receivers_;
};

// For work that is known to be long: another statement_timeout until the end of the transaction (0: none). The default
// is ten minutes, in which a merge of ten million rows ends on slow disks.
void limit_statements(pqxx::work& tx, std::chrono::seconds limit);

// Who holds more than a reader's lock on the table, for people: whoever was in the way is named, or has gone by now.
std::string lock_holders(Session& session, const std::string& table);

}  // namespace bounced::db
