// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "sync/api/caller.h"
#include "sync/api/paged_list.h"
#include "sync/api/rate_room.h"

namespace bounced::api {

// Single calls to v3, within the rate limit that the API itself reports.
class V3Calls {
 public:
  struct Page {
    PagedList::Page page;
    ListRead read;
  };
  // Whether to wait where the API's rate limit is used up. What has just begun does not, so that it holds up nobody.
  enum class Room { now, wait };

  V3Calls(const boost::asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines)
      : executor_(executor), at_once_(account.concurrency), caller_(executor, account, deadlines), rooms_(executor) {}

  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }
  [[nodiscard]] const Caller& caller() const { return caller_; }

  // A list that cannot be read, since its pages do not fit together.
  [[nodiscard]] Fault not_understood(const std::string& why) const {
    return caller_.not_understood(caller_.base_path() + bounces_path, why);
  }

  static constexpr const char* bounces_path = "/v3/suppression/bounces";

  // An empty customer is the account itself.
  [[nodiscard]] HttpRequest request(std::string method, std::string path, const std::string& customer) const;
  boost::asio::awaitable<std::variant<Page, Fault>> read_page(const std::string& customer,
                                                              const PagedList::Query& query, Room when,
                                                              const Admit& admit);
  // For a short answer; to remove addresses, or for subusers.
  boost::asio::awaitable<std::variant<Caller::Text, Fault>> remove(HttpRequest request, std::size_t most,
                                                                   const Admit& admit);
  boost::asio::awaitable<std::variant<Caller::Text, Fault>> list_subusers(HttpRequest request, std::size_t most,
                                                                          Room when, const Admit& admit);

  // Pages of all lists that are being read: how many, and whether one more may be asked for beside them.
  void page_begins() { ++pages_in_flight_; }
  void page_ended() { --pages_in_flight_; }
  [[nodiscard]] bool one_more_page() const { return pages_in_flight_ < at_once_; }
  // Of the server's pages of bounces.
  [[nodiscard]] PageCapacity& page_capacity() { return page_capacity_; }
  // Of a customer's list, when it was last read as a whole; none: it was not, or had none.
  [[nodiscard]] std::optional<PagedList::Oldest> oldest_of(const std::string& customer) const {
    const auto known = oldest_.find(customer);
    return known == oldest_.end() ? std::nullopt : std::optional(known->second);
  }
  void note_oldest(const std::string& customer, std::optional<PagedList::Oldest> oldest) {
    if (oldest) {
      oldest_.insert_or_assign(customer, *oldest);
    } else {
      oldest_.erase(customer);
    }
  }
  // A page of a list came from there a moment ago: base_url is right, and the API is there.
  [[nodiscard]] bool lists_come() const { return list_came_ && Clock::now() < *list_came_ + std::chrono::minutes(1); }

  // Rate limits are counted by the minute. What is to last longer than this is left to the account's pause.
  static constexpr std::chrono::seconds longest_wait = std::chrono::seconds(90);

 private:
  using Clock = std::chrono::steady_clock;

  boost::asio::awaitable<std::optional<Fault>> make_room(RateRooms::Kind kind, std::string_view target, Room when,
                                                         const Admit& admit, Permit& permit);
  boost::asio::awaitable<std::variant<Caller::Text, Fault>> ask(RateRooms::Kind kind, HttpRequest request,
                                                                std::size_t most, Room when, const Admit& admit);

  boost::asio::any_io_executor executor_;
  int at_once_;
  Caller caller_;
  RateRooms rooms_;
  PageCapacity page_capacity_;
  std::map<std::string, PagedList::Oldest> oldest_;
  int pages_in_flight_ = 0;
  std::optional<Clock::time_point> list_came_;
};

}  // namespace bounced::api
