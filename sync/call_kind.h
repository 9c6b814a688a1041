// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bounced::sync {

// Kinds of call. The API limits and permits each by itself.
enum class CallKind { list, deletion, subusers };
// As tables and logs have it: "lists", "deletions", "subusers".
const char* name(CallKind kind);

}  // namespace bounced::sync
