// SPDX-License-Identifier: Apache-2.0
#include "config/proxy.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "config/base_url.h"
#include "config/key.h"

namespace bounced::config {
namespace {

constexpr std::string_view form = "write http://HOST:PORT";

// "http://host:3128"; of the environment also "host:3128", and with a user and a password in it. What is said repeats
// nothing of it.
Proxy parse_proxy(std::string text, bool of_environment) {
  if (of_environment && text.find("://") == std::string::npos) text.insert(0, "http://");
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) throw std::invalid_argument("is no address of a proxy; " + std::string(form));
  boost::urls::url url(*parsed);
  url.normalize();
  if (url.scheme() != "http") {
    throw std::invalid_argument("is no proxy that is spoken to by http://; " + std::string(form) +
                                " (what goes through it is encrypted all the same)");
  }
  if (url.host().empty()) throw std::invalid_argument("names no host; " + std::string(form));
  if (url.has_port() && !is_port(url.port())) {
    throw std::invalid_argument("has no port from 1 to 65535 after the colon");
  }
  if ((!url.encoded_path().empty() && url.encoded_path() != "/") || url.has_query() || url.has_fragment()) {
    throw std::invalid_argument("has more than a host and a port; " + std::string(form));
  }
  if (url.has_userinfo() && !of_environment) {
    throw std::invalid_argument("holds a user or password; write {url: …, user: …, password: {file: PATH}}");
  }
  Proxy proxy;
  proxy.host = url.host_address();
  // What proxies mostly use, and curl takes.
  proxy.port = url.has_port() ? url.port_number() : 1080;
  if (url.has_userinfo()) {
    proxy.user = url.user();
    proxy.password.emplace(url.password());
  }
  return proxy;
}

const char* variable(const char* lower, const char* upper) {
  for (const char* name : {lower, upper}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return nullptr;
}

// Whether NO_PROXY names the host: itself, a domain that it is in, or "*".
bool is_exempt(std::string_view host, std::string_view list) {
  constexpr std::string_view between = ", ";
  for (auto at = list.find_first_not_of(between); at != list.npos; at = list.find_first_not_of(between, at)) {
    const auto end = std::min(list.find_first_of(between, at), list.size());
    std::string_view name = list.substr(at, end - at);
    at = end;
    if (name == "*") return true;
    if (name.starts_with('.')) name.remove_prefix(1);
    const auto same = [](char one, char other) {
      return std::tolower(static_cast<unsigned char>(one)) == std::tolower(static_cast<unsigned char>(other));
    };
    if (name.empty() || name.size() > host.size()) continue;
    const std::string_view tail = host.substr(host.size() - name.size());
    const bool whole_names = tail.size() == host.size() || host[host.size() - name.size() - 1] == '.';
    if (whole_names && std::ranges::equal(tail, name, same)) return true;
  }
  return false;
}

Proxy read_mapping(Section& section, Report& report, const LoadOptions& options) {
  Proxy proxy;
  section.require("url", std::string(form));
  section.read("url", [&](const std::string& url) { proxy = parse_proxy(url, false); });
  section.read("user", [&](const std::string& user) {
    check_name(user);
    if (user.find(':') != std::string::npos) throw std::invalid_argument("holds a colon, which ends a user's name");
    proxy.user = user;
  });
  if (section.find("password") != nullptr) {
    section.require("user", "write whose password it is");
    if (auto read = read_secret(section, "password", SecretKind::password, report, options))
      proxy.password = std::move(read->secret);
  }
  section.refuse_others(Section::Show::nothing);
  return proxy;
}

}  // namespace

ProxyChoice read_proxy(Section& section, const ProxyChoice& inherited, Report& report, const LoadOptions& options) {
  const Node::Entry* entry = section.find("proxy");
  if (entry == nullptr) return inherited;
  ProxyChoice choice{.made = true};
  if (entry->value->kind == Node::Kind::mapping) {
    Section mapping(*entry, section.path_of("proxy"), report);
    choice.proxy = read_mapping(mapping, report, options);
    return choice;
  }
  section.read("proxy", [&](const std::string& text) {
    if (text != "none") choice.proxy = parse_proxy(text, false);
  });
  return choice;
}

std::optional<Proxy> proxy_of_environment(std::string_view base_url) {
  const auto url = boost::urls::parse_uri(base_url);
  const char* proxy = variable("https_proxy", "HTTPS_PROXY");
  if (!url || url->scheme() != "https" || proxy == nullptr) return std::nullopt;
  const char* exempt = variable("no_proxy", "NO_PROXY");
  if (exempt != nullptr && is_exempt(std::string(url->host_address()), exempt)) return std::nullopt;
  return parse_proxy(proxy, true);
}

}  // namespace bounced::config
