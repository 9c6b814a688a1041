// SPDX-License-Identifier: Apache-2.0
#include "daemon/why_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "classify/classifier.h"
#include "daemon/text.h"

namespace bounced::daemon {
namespace {

constexpr std::size_t line_width = 100;

struct OfCustomer {
  std::vector<const db::AddressBounce*> bounces;
  std::vector<const db::AddressRequest*> requests;
};

std::map<std::string, OfCustomer> by_customer(const db::AddressHistory& history) {
  std::map<std::string, OfCustomer> customers;
  for (const auto& bounce : history.bounces) customers[bounce.customer].bounces.push_back(&bounce);
  for (const auto& request : history.requests) customers[request.customer].requests.push_back(&request);
  return customers;
}

// "5.1.1" and "550" are for good, "4.2.2" and "421" for now.
std::string kind_of(const std::string& status) {
  if (status.starts_with('5')) return "hard";
  if (status.starts_with('4')) return "soft";
  return {};
}

// "2024-05-06 07:08 UTC"
std::string minute(const std::string& moment) {
  return fmt::format("{} {} UTC", moment.substr(0, 10), moment.substr(11, 5));
}

std::string times(int nth) {
  return nth == 1 ? "first bounce here" : fmt::format("bounce number {} here", nth);
}

// As SQL takes it: what a terminal would obey is an escape.
std::string sql_literal(const std::string& text) {
  if (printable(text) == text && text.find('\\') == std::string::npos) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
    return quoted + '\'';
  }
  std::string escaped = "convert_from('\\x";
  for (const unsigned char c : text) escaped += fmt::format("{:02x}", c);
  return escaped + "', 'UTF8')";
}

std::string what_became(const db::AddressBounce& bounce) {
  return fmt::format("{}: {}", minute(*bounce.gone_at), bounce.gone_because.value_or(""));
}

std::string line_of(const db::AddressBounce& bounce) {
  std::string line =
      bounce.bounced_at ? "bounced " + minute(*bounce.bounced_at) : "first seen " + minute(bounce.first_seen_at);
  line += fmt::format(" ({}{}{})", classify::name_of(bounce.bounce_class), bounce.status.empty() ? "" : ", ",
                      printable(bounce.status));
  return line + (bounce.gone_at ? "; gone " + what_became(bounce) : "; on the list");
}

std::string line_of(const db::AddressRequest& request) {
  std::string line = fmt::format("request {} of {} by {}: {}", request.id, minute(request.requested_at),
                                 printable(request.requested_by), request.state);
  if (request.outcome) line += fmt::format(" ({})", *request.outcome == "not_listed" ? "was not listed" : "deleted");
  if (request.finished_at) line += ", " + minute(*request.finished_at);
  if (request.last_error) line += "; " + printable(*request.last_error);
  if (request.note) line += "; note: " + printable(*request.note);
  return line;
}

std::string section(const std::string& customer, const OfCustomer& of) {
  std::string text;
  const auto line = [&text](const std::string& words, std::size_t indent) {
    text += wrapped(words, line_width, indent);
  };
  std::set<std::string> listed;
  for (const db::AddressBounce* bounce : of.bounces) {
    if (bounce->gone_at) continue;
    if (listed.insert(bounce->email).second) {
      line(fmt::format("{}: listed since {}{}", printable(customer), minute(bounce->first_seen_at),
                       bounce->active ? "" : " (the customer is not in the configuration any more)"),
           0);
    }
    const std::string kind = kind_of(bounce->status);
    line(fmt::format("{}{}. {}", classify::name_of(bounce->bounce_class), kind.empty() ? "" : " (" + kind + ")",
                     classify::explain(bounce->bounce_class)),
         2);
    // Most reasons repeat the status.
    const bool repeats = bounce->reason.find(bounce->status) != std::string::npos;
    line(
        fmt::format("The server said: {}{}", repeats ? "" : printable(bounce->status) + ' ', printable(bounce->reason)),
        2);
    line(times(bounce->nth), 2);
  }
  if (listed.empty()) line(fmt::format("{}: not listed", printable(customer)), 0);
  if (!of.bounces.empty()) {
    line("Bounces:", 2);
    for (const db::AddressBounce* bounce : of.bounces) line(line_of(*bounce), 4);
  }
  if (!of.requests.empty()) {
    line("Deletion requests:", 2);
    for (const db::AddressRequest* request : of.requests) line(line_of(*request), 4);
  }
  for (const std::string& email : listed) {
    const bool is_open = std::ranges::any_of(of.requests, [&](const db::AddressRequest* request) {
      return request->email == email && (request->state == "pending" || request->state == "sending");
    });
    if (is_open) continue;
    // Not wrapped: it is to be copied.
    text += fmt::format(
        "  To take it off the list:\n    insert into bounced.deletion_requests (customer, email) values "
        "({}, {});\n",
        sql_literal(customer), sql_literal(email));
  }
  return text;
}

boost::json::value optional(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

}  // namespace

bool is_listed(const db::AddressHistory& history) {
  return std::ranges::any_of(history.bounces, [](const auto& bounce) { return !bounce.gone_at; });
}

std::string why_text(const std::string& address, const db::AddressHistory& history) {
  const auto customers = by_customer(history);
  if (customers.empty()) {
    return fmt::format("{} is on no list, and has not been on any that this database knows of.\n", printable(address));
  }
  std::set<std::string> listed;
  for (const auto& bounce : history.bounces) {
    if (!bounce.gone_at) listed.insert(bounce.customer);
  }
  std::string text = listed.empty() ? fmt::format("{} is on no list now.\n", printable(address))
                                    : fmt::format("{} is on the list of {}.\n", printable(address),
                                                  counted(listed.size(), "customer"));
  for (const bool now : {true, false}) {
    for (const auto& [customer, of] : customers) {
      if (listed.contains(customer) == now) text += '\n' + section(customer, of);
    }
  }
  return text;
}

std::string why_json(const std::string& address, const db::AddressHistory& history) {
  namespace json = boost::json;
  json::array customers;
  for (const auto& [name, of] : by_customer(history)) {
    json::array bounces, requests;
    bool listed = false;
    for (const db::AddressBounce* bounce : of.bounces) {
      listed = listed || !bounce->gone_at;
      const std::string kind = kind_of(bounce->status);
      bounces.push_back({{"email", bounce->email},
                         {"listed", !bounce->gone_at},
                         {"class", classify::name_of(bounce->bounce_class)},
                         {"kind", kind.empty() ? json::value(nullptr) : json::value(kind)},
                         {"status", bounce->status},
                         {"reason", bounce->reason},
                         {"nth", bounce->nth},
                         {"again_after", optional(bounce->again_after)},
                         {"bounced_at", optional(bounce->bounced_at)},
                         {"first_seen_at", bounce->first_seen_at},
                         {"last_seen_at", bounce->last_seen_at},
                         {"gone_at", optional(bounce->gone_at)},
                         {"gone_because", optional(bounce->gone_because)}});
    }
    for (const db::AddressRequest* request : of.requests) {
      requests.push_back({{"request_id", request->id},
                          {"email", request->email},
                          {"state", request->state},
                          {"outcome", optional(request->outcome)},
                          {"requested_at", request->requested_at},
                          {"requested_by", request->requested_by},
                          {"finished_at", optional(request->finished_at)},
                          {"last_error", optional(request->last_error)},
                          {"note", optional(request->note)}});
    }
    customers.push_back({{"customer", name}, {"listed", listed}, {"bounces", bounces}, {"requests", requests}});
  }
  const json::object all{{"address", address}, {"listed", is_listed(history)}, {"customers", customers}};
  return escaped_json(json::serialize(all)) + '\n';
}

}  // namespace bounced::daemon
