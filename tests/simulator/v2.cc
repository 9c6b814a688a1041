// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/v2.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <memory>

#include "tests/simulator/answer_writer.h"

namespace bounced::simulator {
namespace {

constexpr std::string_view base_path = "/apiv2/reseller.manage.";

Response text_response(int status, std::string text, bool xml) {
  return {status, xml ? "text/xml" : "application/json", text_document(std::move(text))};
}

Response refusal(int code, std::string_view text, const Call& call) {
  const bool xml = call.format == "xml";
  return text_response(code, error(code, text, xml), xml);
}

Response not_found() {
  return {404, "text/html",
          text_document("<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not "
                        "Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")};
}

// Seconds east of Greenwich, now. Asked of date(1), since C has no time zones but the process's own.
long offset_of(const std::string& zone) {
  const auto close = [](FILE* pipe) { pclose(pipe); };
  const std::unique_ptr<FILE, decltype(close)> pipe(popen(("TZ='" + zone + "' date +%z").c_str(), "re"), close);
  std::array<char, 16> text{};
  if (!pipe || !std::fgets(text.data(), text.size(), pipe.get())) return 0;
  const int offset = std::atoi(text.data());  // -0730
  return offset / 100 * 3600L + offset % 100 * 60L;
}

}  // namespace

std::string format_of(std::string_view path) {
  if (!path.starts_with(base_path)) return "";
  const std::string_view format = path.substr(base_path.size());
  return format == "json" || format == "xml" ? std::string(format) : "";
}

void V2::set_days(Days days) {
  const std::lock_guard lock(mutex_);
  days_ = days;
}

Response V2::respond(const Call& call) {
  if (call.format.empty()) return not_found();
  if (call.method != "GET" && call.method != "POST") return refusal(405, "Method not allowed", call);
  if (!accounts_.know(call.parameter("api_user"), call.parameter("api_key"))) {
    return refusal(401, "Permission denied, wrong credentials", call);
  }
  if (call.parameter("method") != "bounces") return refusal(400, "Method is not supported", call);
  if (call.customer().empty()) return refusal(400, "User is required", call);
  auto snapshot = lists_.snapshot(call.customer());
  if (!snapshot) return refusal(403, "Permission denied, not authorized", call);
  if (call.task() == "get") return list(call, std::move(snapshot));
  snapshot.reset();  // or removing would copy the list
  if (call.task() == "delete") return remove(call);
  return refusal(400, "Task is not supported", call);
}

void V2::pack(const std::string& customer) {
  EncodedBody body(list_document(lists_.snapshot(customer), {.with_created = true}), {}, true);
  auto packed = std::make_shared<std::string>();
  while (body.next(*packed)) continue;
  const std::lock_guard lock(mutex_);
  packed_[customer] = std::move(packed);
}

Response V2::list(const Call& call, std::shared_ptr<const Lists::Snapshot> snapshot) const {
  ListQuery query{.xml = call.format == "xml", .with_created = call.parameter("date") == "1"};
  const bool limited = call.has_parameter("days") || call.has_parameter("start_date") || call.has_parameter("end_date");
  const Days days = [&] {
    const std::lock_guard lock(mutex_);
    return days_;
  }();
  if (limited && days == Days::refuse) return refusal(400, "days is not a valid parameter", call);
  if (limited && days == Days::honour) {
    query.since = call.parameter("start_date");
    query.until = call.parameter("end_date");
    if (const std::string text = call.parameter("days"); !text.empty()) {
      int ago = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), ago).ptr != text.data() + text.size() || ago < 0) {
        return refusal(400, "days must be a number", call);
      }
      query.since = std::max(query.since, local_time(ago).substr(0, 10));
    }
  }
  const bool xml = query.xml;
  Response response{200, xml ? "text/xml" : "application/json", list_document(std::move(snapshot), std::move(query)),
                    true};
  if (const std::lock_guard lock(mutex_); !xml && !limited && packed_.contains(call.customer())) {
    response.packed = packed_.at(call.customer());
  }
  return response;
}

Response V2::remove(const Call& call) {
  const bool xml = call.format == "xml";
  const std::string email = call.parameter("email");
  // As the real one: a call that names no address empties the list.
  if (email.find_first_not_of(" \t\r\n") == email.npos) {
    lists_.change(call.customer(), [](BounceList& list) { list = BounceList(list.style); });
    return text_response(200, message("success", xml), xml);
  }
  const auto removed = lists_.change(call.customer(), [&](BounceList& list) { return list.remove(email); });
  return text_response(200, message(removed > 0 ? "success" : "Email does not exist", xml), xml);
}

std::string V2::local_time(int days_ago) const {
  const std::time_t then = std::time(nullptr) + offset_of(time_zone_) - days_ago * 86400L;
  std::tm parts{};
  gmtime_r(&then, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

}  // namespace bounced::simulator
