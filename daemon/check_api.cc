// SPDX-License-Identifier: Apache-2.0
#include "daemon/check_api.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>
#include <variant>

#include "config/text.h"
#include "daemon/text.h"
#include "daemon/wiring.h"
#include "sync/api/client.h"
#include "sync/wakeup.h"

namespace bounced::daemon {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Kind = api::Fault::Kind;

// A list whose beginning is good is good enough, and a huge one is dear.
struct Enough {};
class Beginning final : public api::Sink {
 public:
  asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override {
    entries = std::move(batch);
    throw Enough();
    co_return;
  }

  std::vector<db::ListedBounce> entries;
};

const char* remedy(Kind kind) {
  switch (kind) {
    case Kind::credentials:
      return "correct the user or the key";
    case Kind::not_permitted:
      return "correct the customer's name, or move it to the account that it belongs to";
    case Kind::rate_limited:
      return "wait, or ask for less: raise `every`";
    case Kind::unavailable:
      return "it may pass by itself; if not, look at base_url, ca_file and the network";
    case Kind::refused:
    case Kind::not_understood:
      return "look at base_url, format and method";
  }
  return "";
}

// One account's customers, as many at once as it allows.
class AccountCheck {
 public:
  AccountCheck(asio::any_io_executor executor, const config::Account& account, Findings& findings)
      : executor_(executor),
        account_(account),
        customers_(account.customers),
        findings_(findings),
        client_(api::make_client(executor, account)) {}

  // The first customer is asked for alone: wrong credentials that are sent again and again may lock an account, and
  // where nobody answers, nobody will.
  asio::awaitable<void> run() {
    if (account_.all_customers) co_await find_customers();
    if (customers_.empty()) co_return;
    if (account_.api == config::Api::v3) {
      const config::Customer own{.name = {}, .schedule = account_.schedule, .api_name = {}};
      co_await ask(own, own_);
    }
    co_await check_next();
    for (int i = 0; i < account_.concurrency; ++i) {
      asio::co_spawn(executor_, check_rest(), [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
      });
    }
  }

 private:
  // Those that the API names, and the account does not list.
  asio::awaitable<void> find_customers() {
    const auto answer = co_await client_->list_customers({});
    if (const auto* fault = std::get_if<api::Fault>(&answer)) {
      findings_.failed(
          fmt::format("account {}: its customers: {}: {}", account_.name, fault->message, remedy(fault->kind)));
      given_up_ = fault->kind == Kind::credentials;
      co_return;
    }
    const auto& subusers = std::get<std::vector<api::Subuser>>(answer);
    findings_.ok(fmt::format("account {}: the API names {}", account_.name, counted(subusers.size(), "customer")));
    for (const api::Subuser& subuser : subusers) {
      const auto is_it = [&subuser](const config::Customer& customer) { return customer.api_name == subuser.name; };
      if (subuser.unusable) {
        findings_.warning(fmt::format("account {}: {} cannot be a customer's name, and is left out", account_.name,
                                      config::in_quotes(subuser.name)));
        continue;
      }
      if (subuser.disabled) {
        findings_.warning(fmt::format("customer {} of account {}: disabled at the API", subuser.name, account_.name));
      }
      if (std::ranges::none_of(account_.customers, is_it)) {
        customers_.push_back({.name = subuser.name, .schedule = account_.schedule, .api_name = subuser.name});
      }
    }
  }

  asio::awaitable<void> check_rest() {
    while (next_ < customers_.size() && !given_up_) co_await check_next();
  }

  asio::awaitable<void> check_next() {
    const bool first = next_ == 0;
    if (given_up_) co_return;
    const config::Customer& customer = customers_[next_++];
    const std::string what = fmt::format("customer {} of account {}", customer.name, account_.name);
    Beginning beginning;
    const std::optional<api::Fault> fault = co_await ask(customer, beginning);
    const bool of_account = fault && (fault->kind == Kind::credentials || (first && fault->http_status == 0));
    if (of_account) {
      if (std::exchange(given_up_, true)) co_return;
      findings_.failed(fmt::format("account {}: {}: {}", account_.name, fault->message, remedy(fault->kind)));
      co_return;
    }
    if ((!fault || fault->kind == Kind::not_permitted) && !std::exchange(credentials_told_, true)) {
      findings_.ok(fmt::format("account {}: the API takes its credentials", account_.name));
    }
    const bool is_own = !customer.api_name.empty() && !own_.entries.empty() && beginning.entries == own_.entries;
    if (!fault && is_own) {
      findings_.failed(
          what +
          ": the API gives the account's own list instead of the customer's: something on the way drops the "
          "header On-Behalf-Of; look at base_url and proxy");
    } else if (!fault) {
      findings_.ok(what);
    } else {
      findings_.failed(fmt::format("{}: {}: {}", what, fault->message, remedy(fault->kind)));
    }
  }

  // As its polls ask, which is `days` where they are recent ones.
  asio::awaitable<std::optional<api::Fault>> ask(const config::Customer& customer, Beginning& beginning) {
    const int days = customer.schedule.recent_days;
    sync::Wakeup timer(executor_);
    for (int tries = 1;; ++tries) {
      std::optional<api::Fault> fault;
      try {
        auto answer = co_await client_->read_list(customer.api_name, days > 0 ? std::optional(days) : std::nullopt,
                                                  beginning, {});
        if (auto* told = std::get_if<api::Fault>(&answer)) fault = std::move(*told);
      } catch (const Enough&) {
        co_return std::nullopt;
      }
      // Its limits are counted by the minute, so that three waits see the end of one.
      if (!fault || fault->kind != Kind::rate_limited || tries == 4) co_return fault;
      co_await timer.wait(std::clamp<std::chrono::seconds>(fault->retry_after.value_or(20s), 1s, 60s));
    }
  }

  asio::any_io_executor executor_;
  const config::Account& account_;
  std::vector<config::Customer> customers_;
  Findings& findings_;
  std::unique_ptr<api::Client> client_;
  Beginning own_;  // of the account's own list, at v3
  std::size_t next_ = 0;
  bool credentials_told_ = false;
  bool given_up_ = false;  // what is wrong is wrong for every customer
};

}  // namespace

void check_api(const config::Config& config, const std::filesystem::path& config_file, Findings& findings) {
  asio::io_context io(1);
  std::vector<std::unique_ptr<AccountCheck>> checks;
  for (const config::Account& account : config.accounts) {
    if (!account.key) {
      const std::string name = std::get<config::KeyCredential>(account.key_source).name;
      findings.not_checked(
          fmt::format("account {}: its key is {}", account.name, where_a_credential_is(name, "check", config_file)));
    } else if (account.customers.empty() && !account.all_customers) {
      findings.not_checked(fmt::format("account {}: it has no customers", account.name));
    } else {
      try {
        checks.push_back(std::make_unique<AccountCheck>(io.get_executor(), account, findings));
      } catch (const std::runtime_error& error) {  // its ca_file
        findings.failed(fmt::format("account {}: {}", account.name, error.what()));
        continue;
      }
      asio::co_spawn(io, checks.back()->run(), [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
      });
    }
  }
  io.run();
}

}  // namespace bounced::daemon
