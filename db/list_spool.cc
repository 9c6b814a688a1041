// SPDX-License-Identifier: Apache-2.0
#include "db/list_spool.h"

#include <chrono>
#include <cstring>

namespace bounced::db {
namespace {

// What is given at once, about.
constexpr std::size_t batch_entries = 1000;

using Size = std::uint32_t;

Size size_in(std::string_view bytes) {
  Size size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  return size;
}

// Takes a text after its size off the front.
std::string_view take(std::string_view& entry) {
  const std::string_view text = entry.substr(sizeof(Size), size_in(entry));
  entry.remove_prefix(sizeof(Size) + text.size());
  return text;
}

}  // namespace

// An entry: its size, then each text after its size. The time of a bounce: nothing, L and the text, or I and seconds
// since 1970.
void ListSpool::write(const std::vector<ListedBounce>& batch) {
  for (const ListedBounce& bounce : batch) {
    parts_.add(bounce);
    entry_.assign(sizeof(Size), '\0');
    append(bounce.email);
    append(bounce.status);
    append(bounce.reason);
    if (const auto* local = std::get_if<LocalTime>(&bounce.created)) {
      append("L" + local->text);
    } else if (const auto* instant = std::get_if<Instant>(&bounce.created)) {
      has_instants_ = true;
      append("I" + std::to_string(instant->time_since_epoch().count()));
    } else {
      append({});
    }
    const auto size = static_cast<Size>(entry_.size() - sizeof(Size));
    std::memcpy(entry_.data(), &size, sizeof size);
    file_.write(entry_);
  }
}

std::vector<ListedBounce> ListSpool::read(const ListParts::Set& parts) {
  std::vector<ListedBounce> batch;
  while (batch.size() < batch_entries) {
    const std::string_view size = file_.read(sizeof(Size));
    if (size.empty()) break;
    std::string_view entry = file_.read(size_in(size));
    const std::string_view email = take(entry);
    if (!parts[ListParts::part_of(email)]) continue;
    ListedBounce& bounce = batch.emplace_back();
    bounce.email = email;
    bounce.status = take(entry);
    bounce.reason = take(entry);
    const std::string_view created = take(entry);
    if (created.starts_with('L')) bounce.created.emplace<LocalTime>(LocalTime{std::string(created.substr(1))});
    if (created.starts_with('I')) {
      bounce.created.emplace<Instant>(std::chrono::seconds(std::stoll(std::string(created.substr(1)))));
    }
  }
  return batch;
}

void ListSpool::append(std::string_view text) {
  const auto size = static_cast<Size>(text.size());
  entry_.append(reinterpret_cast<const char*>(&size), sizeof size).append(text);
}

}  // namespace bounced::db
