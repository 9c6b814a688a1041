// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "db/pool.h"
#include "sync/accounts.h"
#include "sync/events.h"

// Faults of a whole account: it is left alone for a while, by every daemon.
namespace bounced::sync {

// Whether no call for the account can go well now: its credentials are wrong, or it has made too many.
bool is_of_account(const api::Fault& fault);

// Pauses the account, and tells it, unless somebody paused it since the call that met the fault was made (`asked_at`,
// by the database's clock). Returns how long a pause after this fault is.
boost::asio::awaitable<Seconds> pause_account(db::Pool& pool, Account& account, Observer& observer,
                                              const api::Fault& fault, const std::string& asked_at);

// After a call that went well: ends the pause that was made before it, if there is one.
boost::asio::awaitable<void> resume_account(db::Pool& pool, Account& account, Observer& observer,
                                            const std::string& asked_at);

}  // namespace bounced::sync
