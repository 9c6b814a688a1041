// SPDX-License-Identifier: Apache-2.0
#include "sync/pausing.h"

#include <algorithm>
#include <optional>

#include "db/accounts.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Seconds longest_pause = 15min;
constexpr Seconds shortest_cap = 20s;

}  // namespace

Backoff pause_after(const api::Fault& fault, const Account& account) {
  // Somebody must put a key right; limits are counted by the minute; what stands between is mostly restarted.
  const Seconds base = fault.kind == api::Fault::Kind::credentials ? Seconds(60s) : Seconds(10s);
  return {base, std::clamp<Seconds>(account.settings.schedule.every, shortest_cap, longest_pause)};
}

asio::awaitable<Seconds> pause_account(db::Pool& pool, Account& account, Observer& observer, const api::Fault& fault,
                                       Decision::Pause who, CallKind calls, const std::string& asked_at) {
  const std::string account_name = account.settings.name;
  const std::string which = who == Decision::Pause::account ? "all" : name(calls);
  Seconds length = pause_after(fault, account).delay(account.pauses.contains(which) ? account.pauses.at(which) + 1 : 1);
  if (fault.retry_after) length = std::clamp<Seconds>(*fault.retry_after, 1s, longest_by_server);
  const std::optional<int> times = co_await pool.run([&](db::Session& session) {
    return db::pause_account(session, account_name, length, api::name(fault.kind), fault.message, asked_at, which);
  });
  if (times) {
    account.pauses[which] = *times;
    observer.on(AccountPaused{account_name, api::name(fault.kind), fault.message, length, *times, which});
  }
  co_return length;
}

asio::awaitable<void> resume_account(db::Pool& pool, Account& account, Observer& observer, CallKind calls,
                                     const std::string& asked_at) {
  const std::string which = name(calls);
  if (!account.may_be_paused[static_cast<std::size_t>(calls)] && !account.pauses.contains(which) &&
      !account.pauses.contains("all"))
    co_return;
  const bool was_paused = co_await pool.run(
      [&](db::Session& session) { return db::resume_account(session, account.settings.name, asked_at, which); });
  account.may_be_paused[static_cast<std::size_t>(calls)] = false;
  if (!was_paused) co_return;
  account.pauses.erase(which);
  account.pauses.erase("all");
  observer.on(AccountResumed{account.settings.name, which});
}

}  // namespace bounced::sync
