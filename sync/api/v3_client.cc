// SPDX-License-Identifier: Apache-2.0
#include "sync/api/v3_client.h"

#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <exception>
#include <set>
#include <utility>

#include "sync/api/parse/classify.h"
#include "sync/api/parse/subusers.h"
#include "sync/api/parse/words.h"
#include "sync/api/v3_calls.h"
#include "sync/api/v3_reading.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;

// Of addresses in one call. The API names no limit; this many make a body of some 50 kB at most.
constexpr std::size_t most_at_once = 100;
// A list of subusers that changes while it is read.
constexpr int most_list_tries = 4;
constexpr std::size_t longest_answer = 4 << 20;
// No account has more; a server that never comes to an end would.
constexpr std::size_t most_customers = 200'000;

// Whether it can stand in a path. Proxies make other paths of "..", of a slash, even if it is encoded, and of some
// more: that of the whole list, perhaps.
bool is_plain(std::string_view address) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._+@";
  return address.find_first_not_of(plain) == address.npos && address.find('@') != address.npos;
}

class V3Client final : public Client {
 public:
  V3Client(const asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines)
      : calls_(executor, account, deadlines) {}

  asio::awaitable<std::variant<ListRead, Fault>> read_list(std::string customer, std::optional<int> recent_days,
                                                           Sink& sink, Admit admit) override;
  asio::awaitable<std::variant<Removal, Fault>> remove(std::string customer, Addresses addresses, Admit admit) override;
  [[nodiscard]] std::size_t most_removed() const override { return most_at_once; }
  asio::awaitable<std::variant<std::vector<Subuser>, Fault>> list_customers(Admit admit) override;

 private:
  V3Calls calls_;
};

asio::awaitable<std::variant<ListRead, Fault>> V3Client::read_list(std::string customer, std::optional<int> recent_days,
                                                                   Sink& sink, Admit admit) {
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);  // what is in flight has to end first
  std::optional<std::int64_t> since;
  if (recent_days) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    since = (now - std::chrono::days(*recent_days)).time_since_epoch().count();
  }
  V3Reading reading(calls_, std::move(customer), since, std::move(admit));
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

asio::awaitable<std::variant<Removal, Fault>> V3Client::remove(std::string customer, Addresses addresses, Admit admit) {
  const bool single = addresses.all().size() == 1;
  const bool in_path = single && is_plain(addresses.all().front().text());
  std::string path = V3Calls::bounces_path;
  if (in_path) path += "/" + percent_encode(addresses.all().front().text());
  HttpRequest asked = calls_.request("DELETE", std::move(path), customer);
  if (!in_path) {
    boost::json::array emails;
    for (const Address& address : addresses.all()) emails.emplace_back(address.text());
    asked.content_type = "application/json";
    asked.body = boost::json::serialize(boost::json::object{{"emails", std::move(emails)}});
  }
  const std::string target = asked.path();
  auto answer = co_await calls_.remove(std::move(asked), classified_bytes, admit);
  if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
  auto& text = std::get<Caller::Text>(answer);
  if (text.head.status == 204) co_return Removal{Removed::deleted, text.sent_twice};
  // The API's own word of it: a proxy says 404 with a page. Of several addresses it does not say which.
  const bool says_not_found = text.whole && text.head.status == 404 && read_words(text.body).in_errors;
  if (single && says_not_found) {
    // A wrong base_url says the same, of everything.
    if (!calls_.lists_come()) {
      auto list = co_await calls_.read_page(customer, {}, V3Calls::Room::now, admit);
      if (auto* fault = std::get_if<Fault>(&list)) {
        // What befell the list says nothing about deletions, but that the key is wrong.
        if (fault->kind != Fault::Kind::credentials) {
          fault->kind = Fault::Kind::unavailable;
          fault->origin = Fault::Origin::ours;
        }
        // The address may be off by a first call whose answer never came.
        fault->sent_twice = text.sent_twice;
        co_return std::move(*fault);
      }
    }
    co_return Removal{Removed::not_listed, text.sent_twice};
  }
  co_return calls_.caller().fault_of(target, std::move(text));
}

// Pages by number, which overlap by one name, until one brings nothing new. Where they do not meet, a name has left the
// list, and all is read again.
asio::awaitable<std::variant<std::vector<Subuser>, Fault>> V3Client::list_customers(Admit admit) {
  std::vector<Subuser> found;
  std::set<std::string> names;
  std::string last;
  int misses = 0;
  bool overlaps = false;  // the next page should begin with the last name of the one before
  for (std::size_t offset = 0;;) {
    HttpRequest asked = calls_.request(
        "GET", "/v3/subusers?limit=" + std::to_string(PagedList::page_size) + "&offset=" + std::to_string(offset), {});
    const std::string target = asked.path();
    auto answer = co_await calls_.list_subusers(std::move(asked), longest_answer,
                                                offset == 0 ? V3Calls::Room::now : V3Calls::Room::wait, admit);
    if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
    auto& text = std::get<Caller::Text>(answer);
    if (text.head.status != 200) co_return calls_.caller().fault_of(target, std::move(text));
    auto page = text.whole ? read_subusers(text.body) : std::nullopt;
    if (!page) co_return calls_.caller().not_understood(target, "no list of subusers");
    const bool meets = !overlaps || (!page->empty() && page->front().name == last);
    if (!meets) {
      if (++misses == most_list_tries) {
        co_return calls_.caller().not_understood(target, "the list of subusers changes while it is read");
      }
      offset = 0;
      overlaps = false;
      found.clear();
      names.clear();
      continue;
    }
    const std::size_t count = page->size();
    const std::size_t known = found.size();
    if (count > 0) last = page->back().name;
    for (Subuser& subuser : *page) {
      if (names.insert(subuser.name).second) found.push_back(std::move(subuser));
    }
    if (found.size() == known) co_return found;
    if (found.size() > most_customers) {
      co_return calls_.caller().not_understood(target, "the list of subusers has no end");
    }
    overlaps = count > 1;
    offset += overlaps ? count - 1 : 1;
  }
}

}  // namespace

std::unique_ptr<Client> make_v3_client(const asio::any_io_executor& executor, const config::Account& account,
                                       const Deadlines& deadlines) {
  return std::make_unique<V3Client>(executor, account, deadlines);
}

}  // namespace bounced::api
