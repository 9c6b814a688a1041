// SPDX-License-Identifier: Apache-2.0
#include "sync/api/v3_calls.h"

#include <utility>
#include <vector>

#include "sync/api/parse/paging.h"
#include "sync/api/parse/retry_after.h"
#include "sync/api/stopped.h"
#include "sync/wakeup.h"

namespace bounced::api {

namespace asio = boost::asio;

namespace {

// A server that ignores limit= may give a whole list, which is to be held in memory; but not a very long one.
constexpr std::size_t most_in_a_page = 20 * PagedList::page_size;
constexpr std::size_t longest_page = 32 << 20;  // twice what the longest entries make

struct PageTooLong {};

class Collector final : public Sink {
 public:
  asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override {
    for (const db::ListedBounce& bounce : batch) size_ += db::size_of(bounce);
    if (entries.size() + batch.size() > most_in_a_page || size_ > longest_page) throw PageTooLong();
    entries.insert(entries.end(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    co_return;
  }
  std::vector<db::ListedBounce> entries;

 private:
  std::size_t size_ = 0;
};

}  // namespace

HttpRequest V3Calls::request(std::string method, std::string path, const std::string& customer) const {
  HttpRequest request{.method = std::move(method),
                      .target = caller_.base_path() + path,
                      .accept = "application/json",
                      .headers = {{"Authorization", "Bearer " + caller_.key()}}};
  if (!customer.empty()) request.headers.emplace_back("On-Behalf-Of", customer);
  return request;
}

// Waits while the API's rate limit is used up, and then to be admitted; a fault where the former would last too long.
asio::awaitable<std::optional<Fault>> V3Calls::make_room(RateRooms::Kind kind, std::string_view target, Room when,
                                                         const Admit& admit, Permit& permit) {
  sync::Wakeup pause(executor_);
  bool admitted = false;  // the permit may be null
  while (true) {
    if (rooms_.is_finding_out(kind)) {
      co_await rooms_.wait_for_answer(kind);
      co_await throw_if_stopped();
    } else if (const auto wait = rooms_.wait_for(kind)) {
      permit.reset();
      admitted = false;
      if (when == Room::now || *wait > longest_wait) {
        co_return caller_.rate_limited(target, "the API's rate limit is used up (X-RateLimit-Remaining)", *wait);
      }
      co_await pause.wait(*wait);
      co_await throw_if_stopped();
    } else if (admitted || !admit) {
      co_return std::nullopt;
    } else {
      permit = co_await admit();
      admitted = true;
    }
  }
}

// For a short answer.
asio::awaitable<std::variant<Caller::Text, Fault>> V3Calls::ask(RateRooms::Kind kind, HttpRequest request,
                                                                std::size_t most, Room when, const Admit& admit) {
  Permit permit;
  auto no_room = co_await make_room(kind, request.target, when, admit, permit);
  if (no_room) co_return *std::move(no_room);
  RateRooms::Call call(rooms_, kind);
  auto answer = co_await caller_.read_text(std::move(request), most);
  if (const auto* text = std::get_if<Caller::Text>(&answer)) call.answered(text->head);
  co_return answer;
}

asio::awaitable<std::variant<V3Calls::Page, Fault>> V3Calls::read_page(const std::string& customer,
                                                                       const PagedList::Query& query, Room when,
                                                                       const Admit& admit) {
  std::string path = std::string(bounces_path) + "?limit=" + std::to_string(PagedList::page_size);
  path += "&offset=" + std::to_string(query.offset);
  if (query.start) path += "&start_time=" + std::to_string(*query.start);
  if (query.end) path += "&end_time=" + std::to_string(*query.end);
  HttpRequest asked = request("GET", std::move(path), customer);
  Permit permit;
  auto no_room = co_await make_room(RateRooms::Kind::list, asked.target, when, admit, permit);
  if (no_room) co_return *std::move(no_room);
  Collector collector;
  HttpHead head;
  RateRooms::Call call(rooms_, RateRooms::Kind::list);
  std::variant<ListRead, Fault> answer;
  bool too_long = false;
  try {
    answer = co_await caller_.read_list(std::move(asked), {.times = ListParser::Times::instants}, collector, &head);
  } catch (const PageTooLong&) {
    too_long = true;
  }
  call.answered(head);
  if (too_long) {
    co_return not_understood("the API ignores limit=: a page has more than " + std::to_string(most_in_a_page) +
                             " entries, or 32 MB");
  }
  if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
  list_came_ = Clock::now();
  Page page{.page = {}, .read = std::get<ListRead>(std::move(answer))};
  const auto here = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  page.page = {.entries = std::move(collector.entries),
               .left_out = page.read.without_email + page.read.too_long,
               .links = read_page_links(head.link),
               .moment = (http_date(head.date, here).value_or(here)).time_since_epoch().count()};
  co_return page;
}

asio::awaitable<std::variant<Caller::Text, Fault>> V3Calls::remove(HttpRequest request, std::size_t most,
                                                                   const Admit& admit) {
  return ask(RateRooms::Kind::deletion, std::move(request), most, Room::now, admit);
}

asio::awaitable<std::variant<Caller::Text, Fault>> V3Calls::list_subusers(HttpRequest request, std::size_t most,
                                                                          Room when, const Admit& admit) {
  return ask(RateRooms::Kind::subusers, std::move(request), most, when, admit);
}

}  // namespace bounced::api
