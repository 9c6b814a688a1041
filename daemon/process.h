// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

// Processes of this machine: which one we are, and whether another is still there.
namespace bounced::daemon {

// Keeps a signal back until release_signal(), for this thread and those that it starts: it neither ends the process nor
// gets lost while nobody handles it yet.
void hold_signal(int number);
void release_signal(int number);

std::string host_name();

// Names the space that pids are of: this machine, its host name, and the container if we are in one. Empty where that
// cannot be told.
std::string pid_space();

// When a process of ours began, in ticks since the machine did; 0 where that cannot be told. With the pid it tells a
// process from a later one that got its pid.
std::int64_t process_start(int pid);

// Whether the process that began then is certainly no more.
bool is_gone(int pid, std::int64_t start);

}  // namespace bounced::daemon
