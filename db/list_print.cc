// SPDX-License-Identifier: Apache-2.0
#include "db/list_print.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <iterator>

namespace bounced::db {

ListPrint& ListPrint::operator+=(const ListPrint& other) {
  high += other.high;
  low += other.low;
  return *this;
}

std::string ListPrint::text() const {
  return fmt::format("{:016x}{:016x}", high, low);
}

ListPrint EntryPrinter::operator()(const ListedBounce& bounce) {
  // None of the texts has a NUL in it.
  entry_.assign(bounce.email).append(1, '\0').append(bounce.status).append(1, '\0').append(bounce.reason);
  entry_.append(1, '\0').append(1, static_cast<char>('0' + bounce.created.index()));
  if (const auto* local = std::get_if<LocalTime>(&bounce.created)) entry_ += local->text;
  if (const auto* instant = std::get_if<Instant>(&bounce.created)) {
    fmt::format_to(std::back_inserter(entry_), "{}", instant->time_since_epoch().count());
  }
  const XXH128_hash_t hash = XXH3_128bits(entry_.data(), entry_.size());
  return {hash.high64, hash.low64};
}

ListParts::ListParts() : parts_(count) {}

std::size_t ListParts::part_of(std::string_view email) {
  return XXH3_64bits(email.data(), email.size()) % count;
}

void ListParts::add(const ListedBounce& bounce) {
  parts_[part_of(bounce.email)] += print_(bounce);
}

ListPrint ListParts::whole() const {
  ListPrint sum;
  for (const ListPrint& part : parts_) sum += part;
  return sum;
}

ListParts::Set ListParts::differing(const ListParts& other) const {
  Set differ;
  for (std::size_t part = 0; part < count; ++part) differ[part] = parts_[part] != other.parts_[part];
  return differ;
}

}  // namespace bounced::db
