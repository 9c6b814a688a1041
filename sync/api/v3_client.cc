// SPDX-License-Identifier: Apache-2.0
#include "sync/api/v3_client.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <exception>
#include <list>
#include <set>
#include <utility>

#include "sync/api/caller.h"
#include "sync/api/paged_list.h"
#include "sync/api/parse/classify.h"
#include "sync/api/parse/paging.h"
#include "sync/api/parse/subusers.h"
#include "sync/api/parse/words.h"
#include "sync/api/rate_room.h"
#include "sync/api/stopped.h"
#include "sync/wakeup.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Of addresses in one call. The API names no limit; this many make a body of some 50 kB at most.
constexpr std::size_t most_at_once = 100;
// A page in the midst of a read that fails is asked for again: a list of a thousand pages would never be read else.
constexpr int most_tries = 4;
constexpr std::chrono::seconds first_pause = 1s;
// Rate limits are counted by the minute. What is to last longer than this is left to the account's pause.
constexpr std::chrono::seconds longest_wait = 90s;
constexpr std::size_t longest_answer = 4 << 20;

class Collector final : public Sink {
 public:
  asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override {
    entries.insert(entries.end(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    co_return;
  }
  std::vector<db::ListedBounce> entries;
};

class V3Client final : public Client {
 public:
  V3Client(const asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines)
      : executor_(executor), at_once_(account.concurrency), caller_(executor, account, deadlines) {}

  asio::awaitable<std::variant<ListRead, Fault>> read_list(std::string customer, std::optional<int> recent_days,
                                                           Sink& sink, NextTurn next_turn) override;
  asio::awaitable<std::variant<Removal, Fault>> remove(std::string customer, Addresses addresses) override;
  [[nodiscard]] std::size_t most_removed() const override { return most_at_once; }
  asio::awaitable<std::variant<std::vector<Subuser>, Fault>> list_customers(NextTurn next_turn) override;

 private:
  class Reading;
  struct Page {
    PagedList::Page page;
    ListRead read;
  };

  [[nodiscard]] HttpRequest request(std::string method, std::string path, const std::string& customer) const;
  // Whether to wait where the API's rate limit is used up. What has just begun does not, so that it holds up nobody.
  enum class Room { now, wait };
  asio::awaitable<std::variant<Page, Fault>> read_page(const std::string& customer, const PagedList::Query& query,
                                                       Room when);
  asio::awaitable<std::optional<Fault>> make_room(const RateRoom& room, std::string_view target, Room when);
  asio::awaitable<std::variant<Caller::Text, Fault>> ask(RateRoom& room, HttpRequest request, std::size_t most,
                                                         Room when);

  asio::any_io_executor executor_;
  int at_once_;
  Caller caller_;
  // SendGrid counts each kind of call by itself.
  RateRoom lists_;
  RateRoom removals_;
  RateRoom subusers_;
  int pages_in_flight_ = 0;
  bool lists_come_ = false;  // from there: base_url is right
};

// One read of a list: asks for pages, several at once, and passes on what is sure.
class V3Client::Reading {
 public:
  Reading(V3Client& client, std::string customer, std::optional<std::int64_t> since, NextTurn next_turn)
      : client_(client),
        customer_(std::move(customer)),
        list_(since),
        next_turn_(std::move(next_turn)),
        wakeup_(client.executor_) {}

  asio::awaitable<std::variant<ListRead, Fault>> run(Sink& sink);
  // Breaks off what is in flight. To be awaited before the end.
  asio::awaitable<void> end();

 private:
  struct Fetch {
    PagedList::Query query;
    bool first = false;
    asio::cancellation_signal signal = {};
    std::variant<Page, Fault> outcome = {};
    std::exception_ptr error = {};
    bool ended = false;
  };

  void ask();
  asio::awaitable<void> fetch(Fetch& fetch);
  void add(const ListRead& read);

  V3Client& client_;
  std::string customer_;
  PagedList list_;
  NextTurn next_turn_;
  sync::Wakeup wakeup_;
  std::list<Fetch> in_flight_;
  ListRead sum_{.requests = 0};
};

void V3Client::Reading::ask() {
  while (true) {
    const bool one_more = !in_flight_.empty() && client_.pages_in_flight_ < client_.at_once_;
    if (!in_flight_.empty() && !one_more) return;
    const auto query = list_.next(one_more);
    if (!query) return;
    Fetch& started = in_flight_.emplace_back();
    started.query = *query;
    started.first = sum_.requests == 0;
    ++sum_.requests;
    ++client_.pages_in_flight_;
    asio::co_spawn(client_.executor_, fetch(started),
                   asio::bind_cancellation_slot(started.signal.slot(), [this, &started](std::exception_ptr error) {
                     --client_.pages_in_flight_;
                     started.error = std::move(error);
                     started.ended = true;
                     wakeup_.wake();
                   }));
  }
}

asio::awaitable<void> V3Client::Reading::fetch(Fetch& fetch) {
  sync::Wakeup pause(client_.executor_);
  for (int tries = 1;; ++tries) {
    const bool has_turn = fetch.first && tries == 1;
    if (!has_turn && next_turn_) co_await next_turn_();
    fetch.outcome = co_await client_.read_page(customer_, fetch.query, fetch.first ? Room::now : Room::wait);
    const auto* fault = std::get_if<Fault>(&fetch.outcome);
    // What the first page meets is met before anything was gained.
    if (fault == nullptr || fetch.first || tries == most_tries) co_return;
    if (fault->kind != Fault::Kind::unavailable && fault->kind != Fault::Kind::rate_limited) co_return;
    if (fault->retry_after.value_or(0s) > longest_wait) co_return;
    co_await pause.wait(std::max(fault->retry_after.value_or(0s), first_pause * (1 << (tries - 1))));
    co_await throw_if_stopped();
    ++sum_.requests;
  }
}

void V3Client::Reading::add(const ListRead& read) {
  sum_.without_email += read.without_email;
  sum_.too_long += read.too_long;
  sum_.bytes += read.bytes;
}

asio::awaitable<std::variant<ListRead, Fault>> V3Client::Reading::run(Sink& sink) {
  std::vector<db::ListedBounce> batch;
  std::size_t size = 0;  // of the batch
  for (ask(); !in_flight_.empty(); ask()) {
    const auto done = std::ranges::find_if(in_flight_, [](const Fetch& one) { return one.ended; });
    if (done == in_flight_.end()) {
      co_await wakeup_.wait(1min);  // each end wakes us
      co_await throw_if_stopped();
      continue;
    }
    const PagedList::Query query = done->query;
    const std::exception_ptr error = done->error;
    std::variant<Page, Fault> outcome = std::move(done->outcome);
    in_flight_.erase(done);
    if (error) std::rethrow_exception(error);
    if (auto* fault = std::get_if<Fault>(&outcome)) co_return std::move(*fault);
    Page& page = std::get<Page>(outcome);
    add(page.read);
    std::string not_understood;
    std::vector<db::ListedBounce> sure;
    try {
      sure = list_.take(query, std::move(page.page));
    } catch (const PagedList::NotUnderstood& why) {
      not_understood = why.what();
    }
    if (!not_understood.empty()) {
      co_return client_.caller_.not_understood(client_.request("GET", "/v3/suppression/bounces", {}).target,
                                               not_understood);
    }
    sum_.entries += sure.size();
    for (db::ListedBounce& bounce : sure) {
      size += db::size_of(bounce);
      batch.push_back(std::move(bounce));
    }
    if (size < batch_bytes / 2) continue;
    ask();  // while the sink is at work
    co_await sink.put(std::exchange(batch, {}));
    size = 0;
    co_await throw_if_stopped();
  }
  if (!batch.empty()) co_await sink.put(std::move(batch));
  co_await throw_if_stopped();
  sum_.unproven = list_.unproven();
  co_return sum_;
}

asio::awaitable<void> V3Client::Reading::end() {
  for (Fetch& fetch : in_flight_) fetch.signal.emit(asio::cancellation_type::terminal);
  while (std::ranges::any_of(in_flight_, [](const Fetch& fetch) { return !fetch.ended; })) {
    co_await wakeup_.wait(1min);
  }
}

HttpRequest V3Client::request(std::string method, std::string path, const std::string& customer) const {
  HttpRequest request{.method = std::move(method),
                      .target = caller_.base_path() + path,
                      .accept = "application/json",
                      .headers = {{"Authorization", "Bearer " + caller_.key()}}};
  if (!customer.empty()) request.headers.emplace_back("on-behalf-of", customer);
  return request;
}

// Waits while the API's rate limit is used up; a fault where that would last too long.
asio::awaitable<std::optional<Fault>> V3Client::make_room(const RateRoom& room, std::string_view target, Room when) {
  sync::Wakeup pause(executor_);
  for (auto wait = room.wait_for(); wait; wait = room.wait_for()) {
    if (when == Room::now || *wait > longest_wait) {
      co_return caller_.rate_limited(target, "the API's rate limit is used up (X-RateLimit-Remaining)", *wait);
    }
    co_await pause.wait(*wait);
    co_await throw_if_stopped();
  }
  co_return std::nullopt;
}

// For a short answer.
asio::awaitable<std::variant<Caller::Text, Fault>> V3Client::ask(RateRoom& room, HttpRequest request, std::size_t most,
                                                                 Room when) {
  auto no_room = co_await make_room(room, request.target, when);
  if (no_room) co_return *std::move(no_room);
  RateRoom::Call call(room);
  auto answer = co_await caller_.read_text(std::move(request), most);
  if (const auto* text = std::get_if<Caller::Text>(&answer)) call.answered(text->head);
  co_return answer;
}

asio::awaitable<std::variant<V3Client::Page, Fault>> V3Client::read_page(const std::string& customer,
                                                                         const PagedList::Query& query, Room when) {
  std::string path = "/v3/suppression/bounces?limit=" + std::to_string(PagedList::page_size);
  path += "&offset=" + std::to_string(query.offset);
  if (query.start) path += "&start_time=" + std::to_string(*query.start);
  if (query.end) path += "&end_time=" + std::to_string(*query.end);
  HttpRequest asked = request("GET", std::move(path), customer);
  auto no_room = co_await make_room(lists_, asked.target, when);
  if (no_room) co_return *std::move(no_room);
  Collector collector;
  HttpHead head;
  RateRoom::Call call(lists_);
  auto answer = co_await caller_.read_list(std::move(asked), config::Format::json, collector, &head);
  call.answered(head);
  if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
  lists_come_ = true;
  Page page{.page = {}, .read = std::get<ListRead>(std::move(answer))};
  page.page = {.entries = std::move(collector.entries),
               .left_out = page.read.without_email + page.read.too_long,
               .last_offset = last_offset(head.link)};
  co_return page;
}

asio::awaitable<std::variant<ListRead, Fault>> V3Client::read_list(std::string customer, std::optional<int> recent_days,
                                                                   Sink& sink, NextTurn next_turn) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);  // what is in flight has to end first
  std::optional<std::int64_t> since;
  if (recent_days) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    since = (now - std::chrono::days(*recent_days)).time_since_epoch().count();
  }
  Reading reading(*this, std::move(customer), since, std::move(next_turn));
  std::variant<ListRead, Fault> outcome;
  std::exception_ptr broken;
  try {
    outcome = co_await reading.run(sink);
  } catch (...) {
    broken = std::current_exception();
  }
  co_await reading.end();
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (broken) std::rethrow_exception(broken);
  co_return outcome;
}

asio::awaitable<std::variant<Removal, Fault>> V3Client::remove(std::string customer, Addresses addresses) {
  const bool single = addresses.all().size() == 1;
  std::string path = "/v3/suppression/bounces";
  if (single) path += "/" + percent_encode(addresses.all().front().text());
  HttpRequest asked = request("DELETE", std::move(path), customer);
  if (!single) {
    boost::json::array emails;
    for (const Address& address : addresses.all()) emails.emplace_back(address.text());
    asked.content_type = "application/json";
    asked.body = boost::json::serialize(boost::json::object{{"emails", std::move(emails)}});
  }
  const std::string target = asked.target;
  auto answer = co_await ask(removals_, std::move(asked), classified_bytes, Room::now);
  if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
  auto& text = std::get<Caller::Text>(answer);
  if (text.head.status == 204) co_return Removal{Removed::deleted, text.sent_twice};
  // The API's own word of it: a proxy says 404 with a page. Of several addresses it does not say which.
  const bool says_not_found =
      text.whole && text.head.status == 404 && read_words(text.body).shape == Words::Shape::message;
  if (single && says_not_found) {
    // A wrong base_url says the same, of everything.
    if (!lists_come_) {
      const auto list = co_await read_page(customer, {}, Room::now);
      if (const auto* fault = std::get_if<Fault>(&list)) co_return *fault;
    }
    co_return Removal{Removed::not_listed, text.sent_twice};
  }
  co_return caller_.fault_of(target, text.head, std::move(text.body), {});
}

// Pages by number, which overlap by one name. Where they do not meet, a name has left the list, and all is read again.
asio::awaitable<std::variant<std::vector<Subuser>, Fault>> V3Client::list_customers(NextTurn next_turn) {
  std::vector<Subuser> found;
  std::set<std::string> names;
  std::string last;
  bool first = true;
  int misses = 0;
  for (std::size_t offset = 0;;) {
    if (!std::exchange(first, false) && next_turn) co_await next_turn();
    HttpRequest asked = request(
        "GET", "/v3/subusers?limit=" + std::to_string(PagedList::page_size) + "&offset=" + std::to_string(offset), {});
    const std::string target = asked.target;
    auto answer = co_await ask(subusers_, std::move(asked), longest_answer, offset == 0 ? Room::now : Room::wait);
    if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
    auto& text = std::get<Caller::Text>(answer);
    if (text.head.status != 200) co_return caller_.fault_of(target, text.head, std::move(text.body), {});
    auto page = text.whole ? read_subusers(text.body) : std::nullopt;
    if (!page) co_return caller_.not_understood(target, "no list of subusers");
    const bool meets = offset == 0 || (!page->empty() && page->front().name == last);
    if (!meets) {
      if (++misses == most_tries) {
        co_return caller_.not_understood(target, "the list of subusers changes while it is read");
      }
      offset = 0;
      found.clear();
      names.clear();
      continue;
    }
    const auto end = last_offset(text.head.link);
    const std::size_t count = page->size();
    if (count > 0) last = page->back().name;
    for (Subuser& subuser : *page) {
      if (names.insert(subuser.name).second) found.push_back(std::move(subuser));
    }
    const bool is_last = count < PagedList::page_size && (!end || *end < offset + count);
    if (is_last || count <= 1) co_return found;
    offset += count - 1;
  }
}

}  // namespace

std::unique_ptr<Client> make_v3_client(const asio::any_io_executor& executor, const config::Account& account,
                                       const Deadlines& deadlines) {
  return std::make_unique<V3Client>(executor, account, deadlines);
}

}  // namespace bounced::api
