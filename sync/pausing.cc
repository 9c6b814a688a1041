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
// What a server may ask for: its clock, or its word, may be wrong.
constexpr Seconds longest_by_server = 1h;

}  // namespace

Backoff pause_after(const api::Fault& fault, const Account& account) {
  // Somebody must put a key right; limits are counted by the minute; what stands between is mostly restarted.
  const Seconds base = fault.kind == api::Fault::Kind::credentials ? Seconds(60s) : Seconds(10s);
  return {base, std::clamp<Seconds>(account.shortest_interval, shortest_cap, longest_pause)};
}

Seconds pause_length(const api::Fault& fault, const Account& account, int times) {
  if (fault.retry_after) return std::clamp<Seconds>(*fault.retry_after, 1s, longest_by_server);
  return pause_after(fault, account).delay(times);
}

asio::awaitable<Seconds> pause_account(db::Pool& pool, Account& account, Observer& observer, const api::Fault& fault,
                                       Decision::Pause who, CallKind calls, const std::string& asked_at) {
  const std::shared_ptr<Standing> standing = account.standing;
  const std::string account_name = account.settings.name;
  const std::string which = who == Decision::Pause::account ? "all" : name(calls);
  while (standing->pause_is_written) {
    const Waited waited = co_await standing->pause_written.wait();
    if (waited == Waited::cancelled) break;
  }
  struct Mark {
    explicit Mark(Standing& of) : standing(of) { standing.pause_is_written = true; }
    ~Mark() {
      standing.pause_is_written = false;
      standing.pause_written.release_all();
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    Standing& standing;
  };
  const Mark mark(*standing);
  const auto known = standing->pauses.find(which);
  const Seconds length = pause_length(fault, account, known == standing->pauses.end() ? 1 : known->second + 1);
  const db::Pause pause = co_await pool.run([&](db::Session& session) {
    return db::pause_account(session, account_name, length, api::name(fault.kind), fault.message, asked_at, which);
  });
  if (pause.times) {
    standing->pauses[which] = *pause.times;
    observer.on(AccountPaused{account_name, api::name(fault.kind), fault.message, length, *pause.times, which});
  }
  co_return std::max<Seconds>(pause.length, 0s);
}

asio::awaitable<void> resume_account(db::Pool& pool, Account& account, Observer& observer, CallKind calls,
                                     const std::string& asked_at) {
  const std::shared_ptr<Standing> standing = account.standing;
  const std::string which = name(calls);
  bool& may_be_paused = standing->may_be_paused[static_cast<std::size_t>(calls)];
  if (!may_be_paused && !standing->pauses.contains(which) && !standing->pauses.contains("all")) co_return;
  const std::string account_name = account.settings.name;
  const auto resumed = co_await pool.run(
      [&](db::Session& session) { return db::resume_account(session, account_name, asked_at, which); });
  if (!resumed) co_return;
  may_be_paused = false;
  // Others may have ended it.
  for (const std::string& one : {which, std::string("all")}) {
    if (std::ranges::find(resumed->left, one) == resumed->left.end()) standing->pauses.erase(one);
  }
  if (resumed->ended) observer.on(AccountResumed{account_name, which});
}

}  // namespace bounced::sync
