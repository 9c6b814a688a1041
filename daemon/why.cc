// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <vector>

#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/why_view.h"
#include "daemon/wiring.h"
#include "db/address.h"
#include "sync/api/parse/lower.h"

namespace bounced::daemon {
namespace {

// As it was typed, and in lower case: lists have addresses in either.
std::vector<std::string> spellings_of(const std::string& address) {
  const std::string lower = api::lower(address);
  return lower == address ? std::vector{address} : std::vector{address, lower};
}

}  // namespace

int why(const std::filesystem::path& config_file, const WhyOptions& options) {
  db::AddressHistory history;
  with_session(reading_options_of("why", config_file),
               [&](db::Session& session) { history = db::address_history(session, spellings_of(options.address)); });
  fmt::print("{}", options.json ? why_json(options.address, history) : why_text(options.address, history));
  return is_listed(history) ? well : failed;
}

}  // namespace bounced::daemon
