// SPDX-License-Identifier: Apache-2.0
#include "sync/api/v2_client.h"

#include <stdexcept>
#include <utility>

#include "config/secret.h"
#include "sync/api/caller.h"
#include "sync/api/parse/classify.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;

class V2Client final : public Client {
 public:
  using Parameters = std::vector<std::pair<std::string_view, std::string>>;

  V2Client(const asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines)
      : format_(account.format), method_(account.method), user_(account.user), caller_(executor, account, deadlines) {}

  asio::awaitable<std::variant<ListRead, Fault>> read_list(std::string customer, std::optional<int> recent_days,
                                                           Sink& sink, Admit admit) override {
    Parameters parameters{{"task", "get"}, {"date", "1"}};
    if (recent_days) parameters.emplace_back("days", std::to_string(*recent_days));
    const Permit permit = co_await admitted(admit);
    HttpRequest asked = request(customer, std::move(parameters));
    const std::string target = asked.path();
    auto outcome = co_await caller_.read_list(std::move(asked), {.format = format_}, sink);
    if (const auto* read = std::get_if<ListRead>(&outcome)) co_return caller_.checked(target, *read);
    co_return outcome;
  }

  asio::awaitable<std::variant<Removal, Fault>> remove(std::string customer, Addresses addresses,
                                                       Admit admit) override {
    if (addresses.all().size() > most_removed()) throw std::logic_error("v2 removes one address at a time");
    const Address& address = addresses.all().front();
    HttpRequest asked = request(customer, {{"task", "delete"}, {"email", address.text()}});
    const std::string target = asked.path();
    const Permit permit = co_await admitted(admit);
    auto answer = co_await caller_.read_text(std::move(asked), classified_bytes);
    if (auto* fault = std::get_if<Fault>(&answer)) co_return std::move(*fault);
    auto& text = std::get<Caller::Text>(answer);
    const auto removed = text.whole ? read_removal(text.head.status, text.body) : std::nullopt;
    if (removed) co_return Removal{*removed, text.sent_twice};
    co_return caller_.fault_of(target, std::move(text));
  }

  asio::awaitable<std::variant<std::vector<Subuser>, Fault>> list_customers(Admit) override {
    co_return Fault{
        Fault::Kind::refused, "v2 of the API does not name an account's customers", {}, 0, Fault::Origin::ours};
  }

 private:
  [[nodiscard]] HttpRequest request(const std::string& customer, Parameters parameters) const;

  config::Format format_;
  config::Method method_;
  std::string user_;
  Caller caller_;
};

HttpRequest V2Client::request(const std::string& customer, Parameters parameters) const {
  parameters.insert(parameters.begin(),
                    {{"api_user", user_}, {"api_key", caller_.key()}, {"method", "bounces"}, {"user", customer}});
  std::string encoded;
  std::size_t size = 0;
  for (const auto& [name, value] : parameters) size += name.size() + 3 * value.size() + 2;
  encoded.reserve(size);
  for (const auto& [name, value] : parameters) {
    if (!encoded.empty()) encoded += '&';
    std::string escaped = percent_encode(value);
    encoded.append(name).append("=").append(escaped);
    config::wipe(escaped);
  }
  for (auto& [name, value] : parameters) config::wipe(value);
  const bool json = format_ == config::Format::json;
  const std::string path = caller_.base_path() + "/apiv2/reseller.manage." + (json ? "json" : "xml");
  HttpRequest request{.target = path, .accept = json ? "application/json" : "application/xml, text/xml"};
  if (method_ == config::Method::get) {
    request.target.reserve(request.target.size() + 1 + encoded.size());  // no buffer is left behind with the key
    request.target.append("?").append(encoded);
    config::wipe(encoded);
  } else {
    request.method = "POST";
    request.content_type = "application/x-www-form-urlencoded";
    request.body = std::move(encoded);
  }
  return request;
}

}  // namespace

std::unique_ptr<Client> make_v2_client(const asio::any_io_executor& executor, const config::Account& account,
                                       const Deadlines& deadlines) {
  return std::make_unique<V2Client>(executor, account, deadlines);
}

}  // namespace bounced::api
