// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "db/pool.h"
#include "sync/accounts.h"
#include "sync/backoff.h"
#include "sync/events.h"

// An account that is left alone for a while, or one kind of its calls, by every daemon.
namespace bounced::sync {

// How long pauses are where the server does not say: they grow, but a customer waits no longer for one than it waits
// for its next poll.
Backoff pause_after(const api::Fault& fault, const Account& account);
// The length of a pause that is so many in a row: as the server says, within reason, else by pause_after().
Seconds pause_length(const api::Fault& fault, const Account& account, int times);

// Pauses the account's calls of that kind, or all, as was decided, and tells the observer, unless somebody paused them
// since the call that met the fault was made (`asked_at`, by the database's clock). Returns how long the pause is.
boost::asio::awaitable<Seconds> pause_account(db::Pool& pool, Account& account, Observer& observer,
                                              const api::Fault& fault, Decision::Pause who, CallKind calls,
                                              const std::string& asked_at);

// After a call of that kind that went well: ends the pause that was made before it, if there is one.
boost::asio::awaitable<void> resume_account(db::Pool& pool, Account& account, Observer& observer, CallKind calls,
                                            const std::string& asked_at);

}  // namespace bounced::sync
