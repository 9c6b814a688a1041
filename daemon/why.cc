// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "config/load.h"
#include "daemon/commands.h"
#include "daemon/errors.h"
#include "daemon/why_view.h"
#include "daemon/wiring.h"
#include "db/address.h"

namespace bounced::daemon {
namespace {

// As it was typed, and in lower case: lists have addresses in either.
std::vector<std::string> spellings_of(const std::string& address) {
  std::string lower = address;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower == address ? std::vector{address} : std::vector{address, lower};
}

}  // namespace

int why(const std::filesystem::path& config_file, const WhyOptions& options) {
  const config::Config config = config::load(config_file, {.keys_unread = true});
  db::Options reading = connection_options_of("why", config, config_file);
  reading.reads_only = true;
  db::AddressHistory history;
  with_session(reading,
               [&](db::Session& session) { history = db::address_history(session, spellings_of(options.address)); });
  fmt::print("{}", options.json ? why_json(options.address, history) : why_text(options.address, history));
  return is_listed(history) ? well : failed;
}

}  // namespace bounced::daemon
