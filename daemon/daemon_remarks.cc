// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon_remarks.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdint>

#include "daemon/text.h"

namespace bounced::daemon {
namespace {

// What is in flight for less, in seconds, is as it should be.
constexpr double worth_a_word = 30;

std::string text_in(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? shortened(printable(std::string(value->as_string())), 40)
                                                : std::string();
}

double number_in(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

}  // namespace

boost::json::value parsed_json(const std::string& json) {
  boost::json::error_code error;
  return boost::json::parse(json, error);
}

std::vector<std::string> remarks_on(const db::DaemonStatus& daemon) {
  std::vector<std::string> remarks;
  if (daemon.stalls > 0) {
    remarks.push_back(fmt::format("{} broken off, which is a bug in bounced: see journalctl -u bounced --grep=stalled",
                                  counted(static_cast<std::uint64_t>(daemon.stalls), "stall")));
  }
  const boost::json::value in_flight = parsed_json(daemon.in_flight);
  const auto* object = in_flight.if_object();
  if (daemon.alive && object != nullptr && number_in(*object, "count") > 0) {
    std::string text = fmt::format("in flight: {:.0f}", number_in(*object, "count"));
    const auto* items = object->if_contains("oldest");
    const auto* first = items == nullptr || !items->is_array() || items->as_array().empty()
                            ? nullptr
                            : items->as_array().front().if_object();
    if (first != nullptr && number_in(*first, "seconds") >= worth_a_word) {
      text += fmt::format(", the oldest: {} of {} for {}, waits for {}", text_in(*first, "what"),
                          text_in(*first, "whom"), age(number_in(*first, "seconds")), text_in(*first, "waits_for"));
    }
    remarks.push_back(text);
  }
  if (daemon.disagrees > 0) {
    remarks.push_back(
        fmt::format("disagrees about {}: another daemon has another configuration, and polls by it; reload one of them",
                    counted(static_cast<std::uint64_t>(daemon.disagrees), "customer")));
  }
  return remarks;
}

}  // namespace bounced::daemon
