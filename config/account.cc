// SPDX-License-Identifier: Apache-2.0
#include "config/account.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "config/base_url.h"
#include "config/customers.h"
#include "config/duration.h"
#include "config/key.h"
#include "config/proxy.h"

namespace bounced::config {
namespace {

// "600/1m", or "0" for none.
RateLimit parse_rate_limit(std::string_view text) {
  // Beyond that a limit limits nothing, or is a slip.
  constexpr int most = 1'000'000;
  constexpr std::chrono::seconds longest = std::chrono::hours(24);
  RateLimit limit;
  if (text == "0") {
    limit.requests = 0;
    return limit;
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  const char* const end = text.data() + slash;
  const auto [rest, error] = std::from_chars(text.data(), end, limit.requests);
  if (error == std::errc{} && rest == end && slash < text.size() && limit.requests >= 1 && limit.requests <= most) {
    try {
      limit.per = parse_duration(text.substr(slash + 1));
      if (limit.per >= std::chrono::seconds(1) && limit.per <= longest) return limit;
    } catch (const std::invalid_argument&) {
      // Said below, with the rest.
    }
  }
  throw std::invalid_argument("is " + in_quotes(text) +
                              "; write requests/duration, as 600/1m (from 1 to 1000000 in 1s to 1d), or 0 for none");
}

// PostgreSQL knows the names; here is only seen that it may be one ("Etc/GMT+3", "<+03>-3").
void check_time_zone(std::string_view zone) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/:<>.,";
  // The longest that PostgreSQL takes.
  constexpr std::size_t longest = 255;
  if (zone.empty() || zone.size() > longest || zone.find_first_not_of(letters) != std::string_view::npos) {
    throw std::invalid_argument(
        "is no time zone; write its name as PostgreSQL knows it, as America/Los_Angeles or UTC");
  }
}

void check_ca_file(const std::filesystem::path& path) {
  try {
    // TLS reads the certificates; here is only seen that it is not the wrong file.
    if (read_file(path).bytes.find("-----BEGIN ") == std::string::npos) {
      throw std::invalid_argument("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
    }
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(path.string() + ' ' + error.what());
  }
}

class AccountReader {
 public:
  AccountReader(const Config& defaults, ProxyChoice proxy, Report& report, const LoadOptions& options)
      : defaults_(defaults), proxy_(std::move(proxy)), report_(report), options_(options) {}

  Account read(const Node::Entry& entry, std::string path) {
    Section section(entry, std::move(path), report_);
    Account account;
    account.max_list_bytes = defaults_.polling.max_list_bytes;
    read_names(section, account);
    read_api(section, account);
    read_way(section, account);
    read_key(section, account, report_, options_);
    section.read("rate_limit", [&](const std::string& text) { account.rate_limit = parse_rate_limit(text); });
    section.read("concurrency", account.concurrency, 1, most_concurrent);
    account.daily_deletion_limit = defaults_.deletions.daily_limit;
    Section deletions = section.section("deletions");
    read_daily_limit(deletions, account.daily_deletion_limit);
    deletions.refuse_others();
    account.schedule = read_schedule(section, defaults_.polling.schedule);
    read_customers(section, account, customers_, report_);
    section.refuse_others();
    return account;
  }

 private:
  void read_names(Section& section, Account& account) {
    section.require("name", "write a name for the account, for logs and tables");
    section.read("name", [&](const std::string& name) {
      check_name(name);
      const auto [first, is_first] = names_.emplace(name, section.line());
      if (!is_first) {
        throw std::invalid_argument(in_quotes(name) + " is the name of the account in line " +
                                    std::to_string(first->second) + " already; write another");
      }
      account.name = name;
    });
  }

  void read_api(Section& section, Account& account) {
    section.read("api", account.api, {{"v2", Api::v2}, {"v3", Api::v3}});
    if (account.api == Api::v2) {
      read_v2(section, account);
    } else {
      account.base_url = "https://api.sendgrid.com";
      account.time_zone.clear();
      for (const auto& [key, why] :
           std::initializer_list<std::pair<const char*, const char*>>{{"user", "the key alone says who asks"},
                                                                      {"format", "it speaks JSON alone"},
                                                                      {"method", "each call has its own"},
                                                                      {"time_zone", "its times are instants"}}) {
        if (section.find(key) != nullptr)
          section.problem(key, "is not for api: v3: " + std::string(why) + "; remove it");
      }
    }
    section.read("base_url", [&](const std::string& url) { account.base_url = parse_base_url(url); });
  }

  // Whom it trusts on the way to the API, and what stands there.
  void read_way(Section& section, Account& account) {
    section.read("ca_file", [&](const std::string& path) {
      check_value(path);
      account.ca_file = report_.resolve(path);
      check_ca_file(*account.ca_file);
    });
    section.read("ca_only", account.ca_only, {{"true", true}, {"false", false}});
    if (account.ca_only && section.find("ca_file") == nullptr) {
      section.problem("ca_only", "trusts nobody without ca_file; write that too");
    }
    const ProxyChoice choice = read_proxy(section, proxy_, report_, options_);
    if (!account.base_url.starts_with("https:")) {
      // A tunnel to a server that is spoken to in clear would show the key to the proxy.
      if (section.find("proxy") != nullptr && choice.proxy) {
        section.problem("proxy", "would see the key, since base_url is not https; write proxy: none");
      }
      return;
    }
    account.proxy = choice.proxy;
    if (choice.made) return;
    try {
      account.proxy = proxy_of_environment(account.base_url);
    } catch (const std::invalid_argument& error) {
      section.problem("base_url",
                      std::string("the environment's HTTPS_PROXY ") + error.what() + "; mend it, or write proxy: none");
    }
  }

  void read_v2(Section& section, Account& account) {
    section.require("user", "write the user name of the API account");
    section.read("user", [&](const std::string& user) {
      check_name(user);
      account.user = user;
    });
    section.read("format", account.format, {{"json", Format::json}, {"xml", Format::xml}});
    section.read("method", account.method, {{"get", Method::get}, {"post", Method::post}});
    section.read("time_zone", [&](const std::string& zone) {
      check_time_zone(zone);
      account.time_zone = zone;
    });
  }

  const Config& defaults_;
  ProxyChoice proxy_;  // of those that say nothing
  Report& report_;
  const LoadOptions& options_;
  std::map<std::string, int> names_;  // and the lines they stand in
  CustomerPlaces customers_;
};

}  // namespace

void read_daily_limit(Section& section, int& limit) {
  // 0: none. Beyond that a limit limits nothing.
  section.read("daily_limit", limit, 0, 1'000'000'000);
}

std::vector<Account> read_accounts(Section& root, const Config& defaults, Report& report, const LoadOptions& options) {
  std::vector<Account> accounts;
  root.require("accounts", "list at least one account");
  const Node* list = root.list("accounts");
  if (list == nullptr) return accounts;
  if (list->entries.empty()) root.problem("accounts", "is empty; list at least one account");
  AccountReader reader(defaults, read_proxy(root, {}, report, options), report, options);
  for (const Node::Entry& entry : list->entries) {
    accounts.push_back(reader.read(entry, "accounts[" + std::to_string(accounts.size()) + "]"));
  }
  return accounts;
}

}  // namespace bounced::config
