// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/generated.h"

#include <array>
#include <charconv>
#include <chrono>

#include "tests/simulator/replies.h"

namespace bounced::simulator {
namespace {

constexpr std::array<std::string_view, 64> first_names = {
    "anna",   "james",  "maria",   "wei",     "olga",  "pierre", "hiroshi", "fatima", "john",  "lena",  "carlos",
    "yuki",   "ivan",   "chloe",   "ahmed",   "sofia", "peter",  "emma",    "luca",   "nina",  "david", "priya",
    "tomas",  "julia",  "marc",    "ingrid",  "pablo", "sarah",  "andrei",  "kenji",  "laura", "omar",  "eva",
    "daniel", "mei",    "stefan",  "camille", "diego", "hannah", "viktor",  "rosa",   "paul",  "amina", "jonas",
    "claire", "rafael", "tatiana", "george",  "sanna", "milan",  "beatriz", "oscar",  "irene", "felix", "noor",
    "simon",  "greta",  "marek",   "alice",   "bruno", "dilara", "henrik",  "lucia",  "arjun"};

constexpr std::array<std::string_view, 64> last_names = {
    "meyer",  "smith",   "garcia",   "tanaka",   "ivanova",   "dubois",   "rossi",   "nguyen", "mueller", "johnson",
    "silva",  "suzuki",  "petrov",   "martin",   "kim",       "patel",    "schmidt", "brown",  "lopez",   "sato",
    "novak",  "bernard", "bianchi",  "chen",     "weber",     "davies",   "costa",   "yamada", "popov",   "moreau",
    "larsen", "singh",   "fischer",  "wilson",   "fernandez", "kowalski", "horvat",  "leroy",  "ricci",   "khan",
    "becker", "taylor",  "santos",   "jansen",   "dvorak",    "girard",   "greco",   "ali",    "wagner",  "evans",
    "romero", "nielsen", "virtanen", "fontaine", "conti",     "haddad",   "keller",  "murphy", "ortega",  "berg",
    "kaya",   "laurent", "marino",   "oneill"};

// Addresses come in blocks, in each of which every pair of names stands once, so that an address is found again by
// looking through one block. All but the first block have their number in the address.
constexpr std::uint64_t block_size = first_names.size() * last_names.size();

enum Purpose : std::uint64_t { address_again, address_style, provider, domain, reply, time, id, block_order };

// Where a place of a block goes in it: no two to the same, since each step can be undone.
constexpr std::uint64_t shuffle(std::uint64_t i, std::uint64_t random) {
  i = (i + random) % block_size;
  i ^= i >> 7;
  i = i * 2477 % block_size;
  i ^= random / block_size % block_size;
  i ^= i >> 5;
  return i * 3181 % block_size;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> text{};
  out.append(text.data(), std::to_chars(text.begin(), text.end(), number).ptr);
}

void append_two(std::string& out, std::uint64_t number) {
  out += static_cast<char>('0' + number / 10);
  out += static_cast<char>('0' + number % 10);
}

// A second of 2021 to 2024. The hour from 2 to 3 is left out: in many zones it is missing on one day of the year.
void append_time(std::string& out, std::uint64_t random) {
  constexpr auto first_day = std::chrono::sys_days{std::chrono::year{2021} / 1 / 1};
  constexpr std::uint64_t days = 4 * 365 + 1;
  const std::chrono::year_month_day day{first_day + std::chrono::days{random % days}};
  const std::uint64_t second = random / days % 86400;
  const std::uint64_t hour = second / 3600 == 2 ? 14 : second / 3600;
  append_number(out, static_cast<std::uint64_t>(static_cast<int>(day.year())));
  out += '-';
  append_two(out, static_cast<unsigned>(day.month()));
  out += '-';
  append_two(out, static_cast<unsigned>(day.day()));
  out += ' ';
  append_two(out, hour);
  out += ':';
  append_two(out, second / 60 % 60);
  out += ':';
  append_two(out, second % 60);
}

// Such as servers give each answer: "d2e1a72fcca58-71e".
void append_id(std::string& out, std::uint64_t random) {
  std::array<char, 16> text{};
  const auto end = std::to_chars(text.begin(), text.end(), random | 1ull << 63, 16).ptr;
  out.append(text.begin(), text.begin() + 12);
  out += '-';
  out.append(text.begin() + 12, end);
}

}  // namespace

// SplitMix64's output function.
std::uint64_t Generated::random(std::uint64_t place, std::uint64_t purpose) const {
  std::uint64_t z = (seed_ * 8 + purpose) * 0x9e3779b97f4a7c15 + place * 0xd1342543de82ef95;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

bool Generated::repeats_address(std::uint64_t place) const {
  return place % block_size != 0 && random(place, address_again) % 50 == 0;
}

void Generated::append_address(std::string& out, std::uint64_t address) const {
  const std::uint64_t block = address / block_size;
  const std::uint64_t names = shuffle(address % block_size, random(block, block_order));
  const std::string_view first = first_names[names % first_names.size()];
  const std::string_view last = last_names[names / first_names.size()];
  const std::uint64_t style = random(address, address_style) % 1000;
  const auto& all = providers(Text::plain);
  const auto& domains = all[random(address, provider) % all.size()].domains;

  const auto number = [&] {
    if (block > 0) append_number(out, block);
  };
  const auto join = [&](std::string_view a, std::string_view between, std::string_view b) {
    out.append(a).append(between).append(b);
    number();
  };
  if (domains.empty()) {
    out += style < 400 ? "info" : style < 600 ? "sales" : style < 700 ? "buero" : first;
    number();
    out.append("@").append(last).append("-").append(first);
    out += style < 990 ? (style % 2 ? ".example" : ".test") : "-bücher.example";
    return;
  }
  if (style < 600) {
    join(first, ".", last);
  } else if (style < 800) {
    join(first, "", last);
  } else if (style < 900) {
    join(last, "_", first);
  } else if (style < 970) {
    join(first, ".", last);
    out += style % 2 ? "+news" : "+shop";
  } else if (style < 996) {
    out += static_cast<char>(first[0] - 'a' + 'A');
    join(first.substr(1), "-", last);
  } else if (style < 998) {
    out += '"';
    join(first, " ", last);
    out += '"';
  } else {
    join("émilie.", first, last);
  }
  out.append("@").append(domains[random(address, domain) % domains.size()]);
}

void Generated::write(std::uint64_t place, Text into, Bounce& out) const {
  for (auto* field : {&out.email, &out.status, &out.reason, &out.created}) {
    if (!*field) field->emplace();
    (*field)->clear();
  }
  const std::uint64_t address = address_of(place);
  std::string& email = *out.email;
  append_address(email, address);
  if (email.find_first_of("\"/\\&<>") != email.npos || into == Text::json_ascii) email = escaped(email, into);

  const auto& all = providers(into);
  const auto& replies = all[random(address, provider) % all.size()].replies;
  const Reply& said = replies[random(place, reply) % replies.size()];
  *out.status = said.status;
  append_time(*out.created, random(place, time));
  const std::uint64_t any = random(place, id);
  for (const Reply::Piece& piece : said.reason) {
    std::string& reason = *out.reason;
    reason += piece.text;
    if (piece.hole == Reply::Hole::email) {
      reason += email;
    } else if (piece.hole == Reply::Hole::domain) {
      reason.append(email, email.rfind('@') + 1);
    } else if (piece.hole == Reply::Hole::id) {
      append_id(reason, any);
    } else if (piece.hole == Reply::Hole::ip) {
      reason += "192.0.2.";  // a network for documentation
      append_number(reason, any % 254 + 1);
    }
  }
}

std::vector<std::uint64_t> Generated::places_of(std::string_view email) const {
  std::string_view local = email.substr(0, email.rfind('@'));
  local = local.substr(0, local.find('+'));
  if (local.ends_with('"')) local.remove_suffix(1);
  const std::size_t end_of_name = local.find_last_not_of("0123456789");
  const std::string_view digits = local.substr(end_of_name == local.npos ? 0 : end_of_name + 1);
  std::uint64_t block = 0;
  if (!digits.empty() && std::from_chars(digits.begin(), digits.end(), block).ec != std::errc{}) return {};
  if (block > count_ / block_size) return {};

  std::vector<std::uint64_t> result;
  std::string address;
  for (std::uint64_t place = block * block_size; place < std::min(count_, (block + 1) * block_size); ++place) {
    address.clear();
    append_address(address, address_of(place));
    if (address == email) result.push_back(place);
  }
  return result;
}

}  // namespace bounced::simulator
