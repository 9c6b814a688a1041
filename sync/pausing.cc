// SPDX-License-Identifier: Apache-2.0
#include "sync/pausing.h"

#include <algorithm>
#include <optional>

#include "db/accounts.h"
#include "sync/backoff.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Somebody must put the key right first; a look every quarter of an hour notices it.
constexpr Backoff credentials_pause{60s, 15min};
// Where the server does not say how long. Its limits are counted by the minute.
constexpr Backoff rate_limit_pause{10s, 5min};
// What a server may ask for: its clock, or its word, may be wrong.
constexpr Seconds longest_rate_limit_pause = 1h;

}  // namespace

bool is_of_account(const api::Fault& fault) {
  return fault.kind == api::Fault::Kind::credentials || fault.kind == api::Fault::Kind::rate_limited;
}

asio::awaitable<Seconds> pause_account(db::Pool& pool, Account& account, Observer& observer, const api::Fault& fault,
                                       const std::string& asked_at) {
  const std::string& name = account.settings.name;
  const bool credentials = fault.kind == api::Fault::Kind::credentials;
  Seconds length = (credentials ? credentials_pause : rate_limit_pause).delay(account.pauses + 1);
  if (fault.retry_after) length = std::clamp<Seconds>(*fault.retry_after, 1s, longest_rate_limit_pause);
  // Who waits for a turn would meet the same fault.
  if (account.turns) account.turns->turn_back();
  const std::optional<int> times = co_await pool.run([&](db::Session& session) {
    return db::pause_account(session, name, length, api::name(fault.kind), fault.message, asked_at);
  });
  if (times) {
    account.pauses = *times;
    observer.on(AccountPaused{name, api::name(fault.kind), fault.message, length, *times});
  }
  co_return length;
}

asio::awaitable<void> resume_account(db::Pool& pool, Account& account, Observer& observer,
                                     const std::string& asked_at) {
  if (!account.may_be_paused && account.pauses == 0) co_return;
  const bool was_paused = co_await pool.run(
      [&](db::Session& session) { return db::resume_account(session, account.settings.name, asked_at); });
  account.may_be_paused = false;
  if (!was_paused) co_return;
  account.pauses = 0;
  observer.on(AccountResumed{account.settings.name});
}

}  // namespace bounced::sync
