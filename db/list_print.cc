// SPDX-License-Identifier: Apache-2.0
#include "db/list_print.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace bounced::db {

void ListPrint::add(const ListedBounce& bounce) {
  // None of the texts has a NUL in it.
  entry_.assign(bounce.email).append(1, '\0').append(bounce.status).append(1, '\0').append(bounce.reason);
  entry_.append(1, '\0').append(1, static_cast<char>('0' + bounce.created.index()));
  if (const auto* local = std::get_if<LocalTime>(&bounce.created)) entry_ += local->text;
  if (const auto* instant = std::get_if<Instant>(&bounce.created)) {
    fmt::format_to(std::back_inserter(entry_), "{}", instant->time_since_epoch().count());
  }
  const XXH128_hash_t hash = XXH3_128bits(entry_.data(), entry_.size());
  high_ += hash.high64;
  low_ += hash.low64;
}

std::string ListPrint::text() const {
  return fmt::format("{:016x}{:016x}", high_, low_);
}

}  // namespace bounced::db
