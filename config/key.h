// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/config.h"
#include "config/section.h"

namespace bounced::config {

struct ReadSecret {
  KeySource source;
  // Absent only where LoadOptions allows it.
  std::optional<Secret> secret;
};
// An API key has no blanks. A password may have some.
enum class SecretKind { key, password };

// Reads where a secret is ({file: PATH}, {credential: NAME} or {env: NAME}), and the secret itself. Nothing that stands
// there is repeated in a problem, since it may be the secret by mistake; but for the path of a file that is there.
// Nothing is returned where it is not given, or wrong.
std::optional<ReadSecret> read_secret(Section& section, std::string_view name, SecretKind kind, Report& report,
                                      const LoadOptions& options);

// Reads an account's `key`, which must be given: where the API key is, and the API key itself.
void read_key(Section& section, Account& account, Report& report, const LoadOptions& options);

}  // namespace bounced::config
