// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/v3.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <limits>
#include <random>
#include <string_view>

#include "tests/simulator/http_request.h"

namespace bounced::simulator {
namespace {

constexpr std::string_view bounces_path = "/v3/suppression/bounces";
constexpr std::string_view subusers_path = "/v3/subusers";
constexpr std::string_view bearer = "Bearer ";
constexpr std::uint64_t most_a_page = 500;

// The list, or an address in it.
bool is_of_bounces(std::string_view path) {
  return path.starts_with(bounces_path) && (path.size() == bounces_path.size() || path[bounces_path.size()] == '/');
}

Response refusal(int status, std::string_view text) {
  return {status, "application/json",
          text_document("{\"errors\":[{\"field\":null,\"message\":\"" + escaped(text, Text::json) + "\"}]}")};
}

Response done() {
  return {204, "", text_document("")};
}

std::string key_of(const Call& call) {
  const std::string header = call.header("Authorization");
  return header.starts_with(bearer) ? header.substr(bearer.size()) : "";
}

// False if there is such a parameter and it is no such number.
template <class T>
bool read_number(const Call& call, std::string_view name, T& number) {
  const std::string text = call.parameter(name);
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

struct Window {
  std::uint64_t limit = 0;
  std::uint64_t offset = 0;
};

// Nullopt if it is not valid.
std::optional<Window> window_of(const Call& call, std::uint64_t usual_limit) {
  Window window{.limit = usual_limit};
  if (!read_number(call, "limit", window.limit) || !read_number(call, "offset", window.offset)) return std::nullopt;
  if (window.limit == 0 || window.limit > most_a_page) return std::nullopt;
  return window;
}

// As SendGrid writes it, which has a next and a previous page always; or otherwise.
std::string links(const Call& call, Window window, std::uint64_t step, std::uint64_t count, PageLinks which) {
  const std::string url = (call.tls.empty() ? "http://" : "https://") + call.header("Host") + call.path +
                          "?limit=" + std::to_string(window.limit) + "&offset=";
  const auto link = [&](std::uint64_t offset, std::string_view rel) {
    return "<" + url + std::to_string(offset) + ">; rel=\"" + std::string(rel) + "\"; title=\"" +
           std::to_string(offset / step + 1) + "\"";
  };
  const std::uint64_t last = count == 0 ? 0 : (count - 1) / step * step;
  const bool is_last = window.offset >= count || count - window.offset <= step;
  if (which == PageLinks::next_only) return is_last ? "" : link(window.offset + step, "next");
  if (which == PageLinks::next_always) return link(window.offset + step, "next");
  if (which == PageLinks::of_full_pages) return link(count == 0 ? 0 : (count - 1) / most_a_page * most_a_page, "last");
  return link(is_last ? last : window.offset + step, "next") + ", " +
         link(window.offset - std::min(window.offset, step), "prev") + ", " + link(last, "last") + ", " +
         link(0, "first");
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (out.back() != '{') out += ',';
  out.append("\"").append(name).append("\":").append(value);
}

void append_text(std::string& out, std::string_view name, const std::optional<std::string>& escaped_text) {
  if (escaped_text) append_member(out, name, "\"" + *escaped_text + "\"");
}

std::string spaced(std::string_view text) {
  std::string out = " ";
  for (const char c : text) out.append(c == ' ' ? 2 : 1, c);
  return out += ' ';
}

std::string list_text(const BounceList& list, const std::vector<Dated>& entries, const std::string& created) {
  const Text text = list.style.escape_unicode ? Text::json_ascii : Text::json;
  std::string out = "[";
  Bounce bounce;
  for (const Dated& entry : entries) {
    list.write(entry.place, text, bounce);
    if (out.size() > 1) out += ',';
    out += '{';
    if (created.empty() && bounce.created) append_member(out, "created", std::to_string(entry.created));
    if (!created.empty() && created != "none") append_member(out, "created", created);
    if (bounce.reason && list.style.v3_spacing) bounce.reason = spaced(*bounce.reason);
    append_text(out, "email", bounce.email);
    append_text(out, "reason", bounce.reason);
    append_text(out, "status", bounce.status);
    out += '}';
  }
  return out += ']';
}

// Those of the same second begin with another one at every turn, and the rest follows by chance.
void shuffle_ties(std::vector<Dated>& entries, std::uint64_t turn) {
  std::minstd_rand random(static_cast<std::minstd_rand::result_type>(turn + 1));
  for (auto first = entries.begin(); first != entries.end();) {
    const auto last =
        std::find_if(first, entries.end(), [&](const Dated& entry) { return entry.created != first->created; });
    std::rotate(first, first + static_cast<std::ptrdiff_t>(turn % static_cast<std::uint64_t>(last - first)), last);
    std::shuffle(first + 1, last, random);
    first = last;
  }
}

}  // namespace

std::string v3_task(const Call& call) {
  if (call.path == subusers_path) return "subusers";
  if (call.path == bounces_path && call.method == "GET") return "get";
  return is_of_bounces(call.path) && call.method == "DELETE" ? "delete" : "";
}

void V3::set_behaviour(V3Behaviour behaviour) {
  const std::lock_guard lock(mutex_);
  behaviour_ = behaviour;
}

void V3::set_disabled(const std::string& customer, bool disabled) {
  const std::lock_guard lock(mutex_);
  if (disabled) {
    disabled_.insert(customer);
  } else {
    disabled_.erase(customer);
  }
}

std::string V3::customer_of(const Call& call) const {
  if (call.path == subusers_path) return "";
  const bool ignored = [&] {
    const std::lock_guard lock(mutex_);
    return behaviour_.ignore_subuser;
  }();
  if (std::string named = call.header("on-behalf-of"); !named.empty() && !ignored) return named;
  const auto owner = accounts_.owner_of(key_of(call));
  return owner ? accounts_.own_customer(*owner) : "";
}

Response V3::respond(const Call& call) {
  const bool is_subusers = call.path == subusers_path;
  if (!is_subusers && !is_of_bounces(call.path)) return refusal(404, "resource not found");
  if (call.task().empty() || (is_subusers && call.method != "GET")) return refusal(405, "method not allowed");
  const std::string accept = call.header("Accept");
  if (accept.find("application/json") == accept.npos && accept.find("*/*") == accept.npos) {
    return refusal(406, "not acceptable");
  }
  if (call.header("Authorization").empty()) return refusal(401, "authorization required");
  if (!accounts_.owner_of(key_of(call))) {
    return refusal(401, "The provided authorization grant is invalid, expired, or revoked");
  }
  const auto verdict = limit_.count(key_of(call));
  Response response = verdict && verdict->refused ? refusal(429, "too many requests") : answer(call);
  if (verdict) {
    response.headers.emplace_back("X-RateLimit-Limit", std::to_string(verdict->limit));
    response.headers.emplace_back("X-RateLimit-Remaining", std::to_string(verdict->remaining));
    response.headers.emplace_back("X-RateLimit-Reset", std::to_string(verdict->reset));
  }
  return response;
}

Response V3::answer(const Call& call) {
  if (call.task() == "subusers") return subusers(call);
  auto snapshot = lists_.snapshot(call.customer());
  if (!snapshot || call.customer().empty()) return refusal(403, "access forbidden");
  if (call.task() == "get") return list(call, **snapshot);
  snapshot.reset();  // or removing would copy the list
  if (call.path == bounces_path) return remove(call);
  return remove_one(call, percent_decoded(std::string_view(call.path).substr(bounces_path.size() + 1)));
}

Response V3::list(const Call& call, const BounceList& list) {
  const Zone zone = zone_of(time_zone_);
  const V3Behaviour behaviour = [&] {
    const std::lock_guard lock(mutex_);
    return behaviour_;
  }();
  auto window = window_of(call, most_a_page);
  std::int64_t since = 0;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  if (!window) return refusal(400, "limit and offset must be valid numbers");
  if (!read_number(call, "start_time", since) || !read_number(call, "end_time", until)) {
    return refusal(400, "start_time and end_time must be unix times");
  }
  const auto all = newest_first_.of(call.customer(), list, zone);
  auto first = all->begin();
  auto last = all->end();
  const bool has_end = !call.parameter("end_time").empty();
  if (!behaviour.ignore_times && (has_end || !call.parameter("start_time").empty())) {
    since = std::max<std::int64_t>(since, 0);  // what has no time is never meant
    const bool exclusive = behaviour.exclusive_end && has_end;
    const auto too_new = [&](const Dated& entry) {
      return entry.created > until || (exclusive && entry.created == until);
    };
    first = std::partition_point(first, last, too_new);
    last = std::partition_point(first, last, [&](const Dated& entry) { return entry.created >= since; });
  }
  const auto count = static_cast<std::uint64_t>(last - first);
  const std::uint64_t most = behaviour.ignore_limit ? count : std::min(window->limit, behaviour.page_cap);
  const std::uint64_t step = std::max<std::uint64_t>(1, most);
  if (behaviour.ignore_offset) window->offset = 0;
  const auto entries = page(std::to_address(first), std::to_address(last), window->offset, step, behaviour);
  Response response{200, "application/json", text_document(list_text(list, entries, behaviour.created)), true};
  if (behaviour.links != PageLinks::none) {
    const std::string link = links(call, *window, step, count, behaviour.links);
    if (!link.empty()) response.headers.emplace_back("Link", link);
  }
  return response;
}

std::vector<Dated> V3::page(const Dated* first, const Dated* last, std::uint64_t offset, std::uint64_t size,
                            const V3Behaviour& behaviour) {
  const auto count = static_cast<std::uint64_t>(last - first);
  const auto at = [&](std::uint64_t i) -> const Dated& { return behaviour.oldest_first ? *(last - 1 - i) : first[i]; };
  std::uint64_t from = std::min(offset, count);
  std::uint64_t to = std::min(count, from + size);
  if (from == to) return {};
  const std::uint64_t wanted = to - from;
  if (behaviour.unsorted_ties) {
    while (from > 0 && at(from - 1).created == at(from).created) --from;
    while (to < count && at(to).created == at(to - 1).created) ++to;
  }
  std::vector<Dated> entries;
  for (std::uint64_t i = from; i < to; ++i) entries.push_back(at(i));
  if (behaviour.unsorted_ties) shuffle_ties(entries, shuffles_++);
  const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(offset - from);
  return {begin, begin + static_cast<std::ptrdiff_t>(wanted)};
}

Response V3::remove_one(const Call& call, const std::string& email) {
  const auto removed = lists_.change(call.customer(), [&](BounceList& list) { return list.remove(email); });
  return removed > 0 ? done() : refusal(404, "not found");
}

Response V3::remove(const Call& call) {
  boost::json::error_code error;
  const auto body = boost::json::parse(call.body, error);
  const auto* object = error ? nullptr : body.if_object();
  const auto* emails = object ? object->if_contains("emails") : nullptr;
  const auto* all = object ? object->if_contains("delete_all") : nullptr;
  if (!emails == !all) return refusal(400, "one of emails and delete_all is required");
  if (all) {
    if (*all != true) return refusal(400, "delete_all must be true");
    lists_.change(call.customer(), [](BounceList& list) { list = BounceList(list.style); });
    return done();
  }
  const auto* array = emails->if_array();
  const auto is_text = [](const boost::json::value& email) { return email.is_string(); };
  if (!array || array->empty() || !std::ranges::all_of(*array, is_text)) {
    return refusal(400, "emails must be an array of addresses");
  }
  lists_.change(call.customer(), [&](BounceList& list) {
    for (const auto& email : *array) list.remove(std::string_view(email.get_string()));
  });
  return done();
}

Response V3::subusers(const Call& call) {
  constexpr std::uint64_t usual_limit = 10;
  auto window = window_of(call, usual_limit);
  if (!window) return refusal(400, "limit and offset must be valid numbers");
  std::string out = "[";
  const std::lock_guard lock(mutex_);
  window->limit = std::min(window->limit, behaviour_.page_cap);
  for (const std::string& customer : lists_.customers()) {
    const std::uint64_t id = ids_.try_emplace(customer, ids_.size() + 1).first->second;
    if (accounts_.is_own(customer) || window->limit == 0) continue;
    if (window->offset > 0) {
      --window->offset;
      continue;
    }
    --window->limit;
    const std::string name = escaped(customer, Text::json);
    if (out.size() > 1) out += ',';
    out += '{';
    append_member(out, "id", std::to_string(id));
    append_text(out, "username", name);
    append_text(out, "email", customer.find('@') == customer.npos ? name + "@example.com" : name);
    append_member(out, "disabled", disabled_.contains(customer) ? "true" : "false");
    out += '}';
  }
  return {200, "application/json", text_document(out + "]"), true};
}

}  // namespace bounced::simulator
