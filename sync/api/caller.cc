// SPDX-License-Identifier: Apache-2.0
#include "sync/api/caller.h"

#include <utility>

#include "sync/api/parse/classify.h"
#include "sync/api/parse/presentable.h"
#include "sync/api/parse/retry_after.h"
#include "sync/api/stopped.h"

namespace bounced::api {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

// A list that comes slowly is passed on in smaller batches, so that it is seen to move.
constexpr auto longest_between_puts = std::chrono::minutes(1);

// In clear, a proxy would see the key.
Destination destination(const config::Account& account) {
  Destination to{.origin = parse_origin(account.base_url)};
  if (to.origin.tls) to.proxy = account.proxy;
  return to;
}

// What an answer that broke off says: its words are not the API's, as it may have gone on.
Fault broke_off(Fault fault) {
  fault.origin = Fault::Origin::network;
  const bool is_final = fault.kind == Fault::Kind::refused || fault.kind == Fault::Kind::not_permitted;
  if (is_final) fault.kind = Fault::Kind::unavailable;
  return fault;
}

// What is longer than all that is read of it: the API's own words are short.
Fault too_long_to_be_the_apis(Fault fault) {
  if (fault.origin != Fault::Origin::api) return fault;
  fault = broke_off(std::move(fault));
  fault.origin = Fault::Origin::between;
  return fault;
}

}  // namespace

Caller::Caller(const asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines)
    : api_(account.api),
      key_(account.key.value()),
      max_list_bytes_(account.max_list_bytes),
      http_(executor, destination(account), make_tls_context(account.ca_file, account.ca_only), deadlines) {}

asio::awaitable<Caller::ListOutcome> Caller::read_list(HttpRequest request, ListForm form, Sink& sink, HttpHead* head) {
  const std::string target = request.path();
  std::optional<TransportError> broken;
  try {
    co_return co_await read_list_answer(std::move(request), form, sink, head);
  } catch (const TransportError& error) {
    broken = error;
  }
  co_return unreachable(target, *broken);
}

asio::awaitable<Caller::ListOutcome> Caller::read_list_answer(HttpRequest request, ListForm form, Sink& sink,
                                                              HttpHead* head) {
  const std::string target = request.path();
  const auto http = co_await http_.send(std::move(request));
  if (head != nullptr) *head = http->head();
  if (http->head().status != 200) co_return co_await read_fault(*http, target, {}, {});

  const auto parser = make_list_parser(form.format, form.times);
  std::string begun;  // the beginning of the body, in case that it is no list
  std::vector<db::ListedBounce> batch;
  std::size_t size = 0;  // of the batch
  bool good = true;
  std::uint64_t seen = 0;  // entries so far
  std::uint64_t unpacked = 0;
  std::uint64_t unearned = 0;  // bytes since the last one: blanks without end are not worth waiting for
  auto put_at = Clock::now();
  while (good) {
    const std::string_view piece = co_await http->read();
    if (piece.empty()) break;
    unpacked += piece.size();
    if (unpacked > max_list_bytes_) {
      co_return not_understood(target, "the list is longer than polling.max_list_bytes allows");
    }
    begun += piece.substr(0, classified_bytes - begun.size());
    const std::size_t before = batch.size();
    good = parser->write(piece, batch);
    for (std::size_t index = before; index < batch.size(); ++index) size += db::size_of(batch[index]);
    unearned += piece.size();
    if (const std::uint64_t now = parser->counts().all(); now != seen) {
      seen = now;
      http->earn(std::exchange(unearned, 0));
    }
    const bool fits = size < batch_bytes / 2;  // what the next piece adds
    if (fits && Clock::now() - put_at < longest_between_puts) continue;
    co_await sink.put(std::exchange(batch, {}));
    put_at = Clock::now();
    size = 0;
  }
  good = good && parser->finish(batch);
  if (!good && !parser->is_list()) {
    co_return co_await read_fault(*http, target, std::move(begun), parser->error());
  }
  if (!good) co_return not_understood(target, "the list is broken " + parser->error());
  const auto& [entries, without_email, too_long] = parser->counts();
  if (!batch.empty()) co_await sink.put(std::move(batch));
  co_await throw_if_stopped();
  ListRead read;
  read.entries = entries;
  read.without_email = without_email;
  read.too_long = too_long;
  read.bytes = http->body_bytes();
  co_return read;
}

Caller::ListOutcome Caller::checked(std::string_view target, ListRead read) const {
  if (read.entries + read.too_long > 0 || read.without_email == 0) return read;
  return not_understood(
      target, "no list of bounces: none of its " + std::to_string(read.without_email) + " entries has an email");
}

// Reads as much of the body as it takes to say what it is. What has been read of it is in begun.
asio::awaitable<Fault> Caller::read_fault(HttpAnswer& http, std::string_view target, std::string begun,
                                          std::string not_a_list) {
  bool broken = false;
  bool whole = false;
  try {
    while (begun.size() < classified_bytes && !whole) {
      const std::string_view piece = co_await http.read();
      begun += piece;
      whole = piece.empty();
    }
  } catch (const TransportError&) {
    // A status that says what is wrong says it without the rest of the body too.
    if (http.head().status == 200) throw;
    broken = true;
  }
  Fault fault = fault_of(target, http.head(), std::move(begun), std::move(not_a_list));
  if (broken) co_return broke_off(std::move(fault));
  co_return whole ? fault : too_long_to_be_the_apis(std::move(fault));
}

asio::awaitable<std::variant<Caller::Text, Fault>> Caller::read_text(HttpRequest request, std::size_t most) {
  const std::string target = request.path();
  std::optional<TransportError> broken;
  try {
    co_return co_await read_text_answer(std::move(request), most);
  } catch (const TransportError& error) {
    broken = error;
  }
  co_return unreachable(target, *broken);
}

asio::awaitable<std::variant<Caller::Text, Fault>> Caller::read_text_answer(HttpRequest request, std::size_t most) {
  const auto http = co_await http_.send(std::move(request));
  Text text{.head = http->head(), .body = {}, .whole = false, .sent_twice = http->sent_twice()};
  const int status = text.head.status;
  try {
    while (text.body.size() < most && !text.whole) {
      const std::string_view piece = co_await http->read();
      text.body += piece;
      text.whole = piece.empty();
    }
  } catch (const TransportError&) {
    // What went well has to be said in full; a status that says what is wrong says it without the rest of the body.
    if (status >= 200 && status < 300) throw;
    text.broke_off = true;
  }
  co_return text;
}

// Says in front where it happened.
Fault Caller::located(std::string_view target, Fault fault) const {
  const Origin& origin = http_.origin();
  const std::string path(target.substr(0, target.find('?')));
  fault.message = (origin.tls ? "https://" : "http://") + origin.authority + path + ": " + fault.message;
  return fault;
}

Fault Caller::unreachable(std::string_view target, const TransportError& error) const {
  return located(target,
                 {Fault::Kind::unavailable, presentable(error.what(), key_.reveal()), {}, 0, Fault::Origin::network});
}

Fault Caller::not_understood(std::string_view target, const std::string& why) const {
  return located(target, {Fault::Kind::not_understood, "HTTP 200: " + why, {}, 200, Fault::Origin::between});
}

Fault Caller::rate_limited(std::string_view target, const std::string& why, std::chrono::seconds retry_after) const {
  return located(target, {Fault::Kind::rate_limited, why, retry_after, 0, Fault::Origin::ours});
}

Fault Caller::fault_of(std::string_view target, Text answer) const {
  Fault fault = fault_of(target, answer.head, std::move(answer.body), {});
  fault.sent_twice = answer.sent_twice;
  if (answer.broke_off) return broke_off(std::move(fault));
  return answer.whole ? fault : too_long_to_be_the_apis(std::move(fault));
}

Fault Caller::fault_of(std::string_view target, const HttpHead& head, std::string body, std::string not_a_list) const {
  const auto here = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto now = http_date(head.date, here).value_or(here);  // the server's times are by its own clock
  Answer answer{head.status,           std::move(body),
                head.location,         retry_after(head.retry_after, head.rate_limit_reset, now),
                std::move(not_a_list), api_};
  return located(target, classify(answer, key_.reveal()));
}

}  // namespace bounced::api
