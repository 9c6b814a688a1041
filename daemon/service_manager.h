// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

// What is told to systemd; the one place that knows libsystemd.
namespace bounced::daemon {

// Whether standard error goes to the journal, as systemd says it in $JOURNAL_STREAM.
bool stderr_is_journal();

// Sends one entry, fields as "NAME=value". Returns false where no journal takes it.
bool send_to_journal(const std::vector<std::string>& fields);

// Names this machine to this program alone, or, where it has no id, its boot; empty where neither can be told.
std::string machine_id();

// Whether a service manager wants to be told how we are.
bool has_service_manager();

// How long the unit's watchdog waits for a "WATCHDOG=1"; 0: it has none.
std::chrono::microseconds watchdog_interval();

// "READY=1", "STOPPING=1", …: does nothing where no service manager listens.
void tell_service_manager(const std::string& state);

// "RELOADING=1" with the moment at which it began; "READY=1" has to follow.
void tell_of_reload();

}  // namespace bounced::daemon
