// SPDX-License-Identifier: Apache-2.0
#include "db/options.h"

#include <libpq-fe.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>

#include "db/errors.h"

namespace bounced::db {
namespace {

// libpq repeats the word that it did not understand, which may be (a part of) the password.
std::string without_quoted_words(std::string_view text) {
  for (std::size_t quote = text.find('"'); quote != text.npos; quote = text.find('"', quote + 3)) {
    if (text.substr(quote + 2, 1) == "\"") continue;  // a single character: what libpq expected
    text = text.substr(0, quote);
    break;
  }
  return std::string(text.substr(0, text.find_last_not_of(" \n:(") + 1));
}

// A raw @, / or : in a password makes libpq take a part of it for the host or the database, and say so aloud.
void refuse_raw_password_characters(std::string_view url) {
  if (!url.starts_with("postgresql://") && !url.starts_with("postgres://")) return;
  std::string_view rest = url.substr(url.find("//") + 2);
  rest = rest.substr(0, rest.find('?'));
  const auto at = rest.find('@');
  if (at == rest.npos) return;
  const std::string_view user = rest.substr(0, at);
  if (rest.find('@', at + 1) == rest.npos && user.find('/') == user.npos) return;
  throw NeedsAction("database.url: write the characters @ : / ? # % of a user or password as %40 %3A %2F %3F %23 %25");
}

// As a conninfo string has it.
void append(std::string& text, std::string_view key, std::string_view value) {
  text.append(key).append("='");
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  text += "' ";
}

// What the URL says, or else the environment.
class Settings {
 public:
  explicit Settings(const std::string& url) {
    char* error = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(url.c_str(), &error),
                                                                              &PQconninfoFree);
    if (!parsed) {
      const std::string text = without_quoted_words(error ? error : "out of memory");
      PQfreemem(error);
      throw NeedsAction("database.url is neither a URI (postgresql://...) nor a connection string: " + text);
    }
    for (const PQconninfoOption* option = parsed.get(); option->keyword; ++option) {
      if (option->val) values_[option->keyword] = option->val;
      if (const char* value = option->envvar ? std::getenv(option->envvar) : nullptr)
        environment_[option->keyword] = value;
    }
  }

  std::string get(const std::string& key) const {
    if (const auto found = values_.find(key); found != values_.end()) return found->second;
    const auto found = environment_.find(key);
    return found != environment_.end() ? found->second : "";
  }

  bool is_in_url(const std::string& key) const { return values_.contains(key); }

  void set(const std::string& key, const std::string& value) { values_[key] = value; }

  void set_default(const std::string& key, const std::string& value) {
    if (!environment_.contains(key)) values_.try_emplace(key, value);
  }

  std::string text() const {
    std::string joined;
    for (const auto& [key, value] : values_) append(joined, key, value);
    return joined;
  }

 private:
  std::map<std::string, std::string> values_;
  std::map<std::string, std::string> environment_;
};

}  // namespace

config::Secret conninfo(const Options& options) {
  refuse_raw_password_characters(options.url);
  Settings settings(options.url);
  settings.set_default("connect_timeout", "10");  // per host; a reachable server answers in milliseconds
  // 10 s of silence and three probes 5 s apart: a link that was cut is noticed after 25 s, in both directions.
  settings.set_default("keepalives_idle", "10");
  settings.set_default("keepalives_interval", "5");
  settings.set_default("keepalives_count", "3");
  settings.set_default("tcp_user_timeout", "25000");
  const bool several_hosts = (settings.get("host") + settings.get("hostaddr")).find(',') != std::string::npos;
  if (several_hosts) settings.set_default("target_session_attrs", "read-write");
  settings.set("client_encoding", "UTF8");
  // A name from the URL stands before ours, since ours says which connection it is.
  const std::string name = settings.get("application_name");
  settings.set("application_name", name.empty() ? options.application : name + " " + options.application);
  std::string text = settings.text();
  const std::optional<config::Secret> password = options.password ? options.password->get() : std::nullopt;
  if (password) {
    if (settings.is_in_url("password")) {
      throw NeedsAction("database.url holds a password, and database.password names one: remove it from database.url");
    }
    // Nothing is moved while it grows, which would leave copies behind. A quote or backslash takes two characters.
    text.reserve(text.size() + 2 * password->reveal().size() + std::string_view("password='' ").size());
    append(text, "password", password->reveal());
  }
  return config::Secret(std::move(text));
}

std::string role(const Options& options) {
  std::string given = Settings(options.url).get("user");
  if (!given.empty()) return given;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> defaults(PQconndefaults(), &PQconninfoFree);
  for (const PQconninfoOption* option = defaults.get(); option && option->keyword; ++option)
    if (std::string_view(option->keyword) == "user" && option->val) return option->val;
  return {};
}

}  // namespace bounced::db
