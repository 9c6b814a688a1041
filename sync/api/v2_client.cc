// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "sync/api/client.h"
#include "sync/api/http.h"
#include "sync/api/parse/classify.h"
#include "sync/api/parse/list_parser.h"
#include "sync/api/parse/presentable.h"
#include "sync/api/parse/retry_after.h"
#include "sync/api/stopped.h"
#include "sync/api/transport_error.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;

// SendGrid's v2: reseller.manage, a customer's bounces.
class V2Client final : public Client {
 public:
  using Parameters = std::vector<std::pair<std::string_view, std::string>>;
  using Outcome = std::variant<ListRead, Fault>;

  V2Client(const asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines)
      : format_(account.format),
        method_(account.method),
        user_(account.user),
        key_(account.key.value()),
        http_(executor, parse_origin(account.base_url), make_tls_context(account.ca_file), deadlines) {}

  asio::awaitable<Outcome> read_list(std::string customer, std::optional<int> recent_days, Sink& sink) override {
    Parameters parameters{{"task", "get"}, {"date", "1"}};
    if (recent_days) parameters.emplace_back("days", std::to_string(*recent_days));
    std::optional<TransportError> broken;
    try {
      co_return co_await read_answer(request(customer, std::move(parameters)), sink);
    } catch (const TransportError& error) {
      broken = error;
    }
    co_return unreachable(*broken);
  }

  asio::awaitable<std::variant<Removal, Fault>> remove(std::string customer, Address address) override {
    Parameters parameters{{"task", "delete"}, {"email", address.text()}};
    std::optional<TransportError> broken;
    try {
      co_return co_await read_removal_answer(request(customer, std::move(parameters)));
    } catch (const TransportError& error) {
      broken = error;
    }
    co_return unreachable(*broken);
  }

 private:
  HttpRequest request(const std::string& customer, Parameters parameters) const;
  asio::awaitable<Outcome> read_answer(HttpRequest request, Sink& sink);
  asio::awaitable<std::variant<Removal, Fault>> read_removal_answer(HttpRequest request);
  asio::awaitable<Fault> read_fault(HttpAnswer& http, std::string begun, std::string not_a_list);
  [[nodiscard]] Fault fault_of(const HttpHead& head, std::string body, std::string not_a_list) const;

  [[nodiscard]] std::string path() const {
    return http_.origin().path + "/apiv2/reseller.manage." + (format_ == config::Format::json ? "json" : "xml");
  }

  // Says in front where it happened, without the query: the key is in it.
  [[nodiscard]] Fault located(Fault fault) const {
    const Origin& origin = http_.origin();
    fault.message = (origin.tls ? "https://" : "http://") + origin.authority + path() + ": " + fault.message;
    return fault;
  }

  [[nodiscard]] Fault unreachable(const TransportError& error) const {
    return located({Fault::Kind::unavailable, presentable(error.what(), key_.reveal()), {}, 0});
  }

  [[nodiscard]] Fault not_understood(const std::string& why) const {
    return located({Fault::Kind::not_understood, "HTTP 200: " + why, {}, 200});
  }

  config::Format format_;
  config::Method method_;
  std::string user_;
  config::Secret key_;
  HttpClient http_;
};

// What a batch takes in memory, about.
std::size_t weight(const db::ListedBounce& bounce) {
  return sizeof(bounce) + bounce.email.size() + bounce.status.size() + bounce.reason.size();
}

HttpRequest V2Client::request(const std::string& customer, Parameters parameters) const {
  parameters.insert(parameters.begin(),
                    {{"api_user", user_}, {"api_key", key_.reveal()}, {"method", "bounces"}, {"user", customer}});
  std::string encoded;
  for (const auto& [name, value] : parameters) {
    if (!encoded.empty()) encoded += '&';
    encoded.append(name).append("=").append(percent_encode(value));
  }
  const std::string accept = format_ == config::Format::json ? "application/json" : "application/xml, text/xml";
  if (method_ == config::Method::post) return {path(), std::move(encoded), accept};
  return {path() + "?" + encoded, {}, accept};
}

asio::awaitable<V2Client::Outcome> V2Client::read_answer(HttpRequest request, Sink& sink) {
  const auto http = co_await http_.send(std::move(request));
  if (http->head().status != 200) co_return co_await read_fault(*http, {}, {});

  const auto parser = make_list_parser(format_);
  std::string begun;  // the beginning of the body, in case that it is no list
  std::vector<db::ListedBounce> batch;
  std::size_t batch_weight = 0;
  bool good = true;
  while (good) {
    const std::string_view piece = co_await http->read();
    if (piece.empty()) break;
    begun += piece.substr(0, classified_bytes - begun.size());
    const std::size_t before = batch.size();
    good = parser->write(piece, batch);
    for (std::size_t index = before; index < batch.size(); ++index) batch_weight += weight(batch[index]);
    if (batch_weight < batch_bytes / 2) continue;  // what the next piece adds still fits
    co_await sink.put(std::exchange(batch, {}));
    batch_weight = 0;
  }
  good = good && parser->finish(batch);
  if (!good && !parser->is_list()) {
    co_return co_await read_fault(*http, std::move(begun), parser->error());
  }
  if (!good) co_return not_understood("the list is broken " + parser->error());
  const auto& [entries, without_email, too_long] = parser->counts();
  if (entries + too_long == 0 && without_email > 0) {
    co_return not_understood("no list of bounces: none of its " + std::to_string(without_email) +
                             " entries has an email");
  }
  if (!batch.empty()) co_await sink.put(std::move(batch));
  co_await throw_if_stopped();
  co_return ListRead{entries, without_email, too_long, http->body_bytes()};
}

// Reads as much of the body as it takes to say what it is. What has been read of it is in begun.
asio::awaitable<Fault> V2Client::read_fault(HttpAnswer& http, std::string begun, std::string not_a_list) {
  try {
    while (begun.size() < classified_bytes) {
      const std::string_view piece = co_await http.read();
      if (piece.empty()) break;
      begun += piece;
    }
  } catch (const TransportError&) {
    // A status that says what is wrong says it without the rest of the body too.
    if (http.head().status == 200) throw;
  }
  co_return fault_of(http.head(), std::move(begun), std::move(not_a_list));
}

asio::awaitable<std::variant<Removal, Fault>> V2Client::read_removal_answer(HttpRequest request) {
  const auto http = co_await http_.send(std::move(request));
  const int status = http->head().status;
  std::string body;
  bool ended = false;
  try {
    while (body.size() < classified_bytes && !ended) {
      const std::string_view piece = co_await http->read();
      body += piece;
      ended = piece.empty();
    }
  } catch (const TransportError&) {
    // What went well has to be said in full; a status that says what is wrong says it without the rest of the body.
    if (status >= 200 && status < 300) throw;
  }
  if (const auto removed = ended ? read_removal(status, body) : std::nullopt) {
    co_return Removal{*removed, http->sent_twice()};
  }
  co_return fault_of(http->head(), std::move(body), {});
}

Fault V2Client::fault_of(const HttpHead& head, std::string body, std::string not_a_list) const {
  const auto here = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto now = http_date(head.date, here).value_or(here);  // the server's times are by its own clock
  Answer answer{head.status, std::move(body), head.location, retry_after(head.retry_after, head.rate_limit_reset, now),
                std::move(not_a_list)};
  return located(classify(answer, key_.reveal()));
}

}  // namespace

std::unique_ptr<Client> make_client(asio::any_io_executor executor, const config::Account& account,
                                    const Deadlines& deadlines) {
  return std::make_unique<V2Client>(executor, account, deadlines);
}

}  // namespace bounced::api
