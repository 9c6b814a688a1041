// SPDX-License-Identifier: Apache-2.0
#include "config/key.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace bounced::config {
namespace {

std::string word_for(SecretKind kind) {
  return kind == SecretKind::key ? "key" : "password";
}

// The secret in a text that may end with the end of a line.
Secret checked_secret(std::string text, SecretKind kind) {
  // Real ones have less than a hundred characters.
  constexpr std::size_t longest = 4096;
  const bool is_key = kind == SecretKind::key;
  const std::string alone = is_key ? "; write the API key alone into it" : "; write the password alone into it";
  text.erase(text.find_last_not_of("\r\n") + 1);
  if (text.empty()) {
    throw std::invalid_argument(is_key ? "holds no key; write the API key into it"
                                       : "holds no password; write the password into it");
  }
  if (text.size() > longest) throw std::invalid_argument("holds too much for a " + word_for(kind) + alone);
  const auto is_wrong = [is_key](unsigned char c) { return c < ' ' || c == 0x7F || (is_key && c == ' '); };
  if (std::any_of(text.begin(), text.end(), is_wrong)) {
    throw std::invalid_argument(
        std::string(is_key ? "holds a blank, a control character" : "holds a control character") + " or several lines" +
        alone);
  }
  return Secret(std::move(text));
}

Secret secret_from_file(const std::filesystem::path& path, SecretKind kind) {
  const File file = read_file(path);
  if (file.open_to_others)
    throw std::invalid_argument("is open to everyone; run: chmod o= " + shell_word(path.string()));
  return checked_secret(file.bytes, kind);
}

std::optional<Secret> secret_from_credential(const std::string& name, SecretKind kind, const LoadOptions& options) {
  if (name.find('/') != std::string::npos || name == "." || name == "..") {
    throw std::invalid_argument(
        "is a path; write the name of a credential, as in LoadCredential=NAME:PATH of the unit");
  }
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder == '\0') {
    if (options.credentials_may_be_absent) return std::nullopt;
    throw std::invalid_argument("exists only inside a systemd unit; start it there, or write " + word_for(kind) +
                                ": {file: PATH}");
  }
  try {
    return checked_secret(read_file(std::filesystem::path(folder) / name).bytes, kind);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("the credential ") + error.what() +
                                " (set by LoadCredential= of the unit; the package's unit gives it each file in "
                                "/etc/bounced/keys: main as key_main)");
  }
}

Secret secret_from_variable(const std::string& name, SecretKind kind) {
  const char* text = std::getenv(name.c_str());
  if (text == nullptr) throw std::invalid_argument("this environment variable is not set");
  return checked_secret(text, kind);
}

}  // namespace

std::optional<ReadSecret> read_secret(Section& section, std::string_view name, SecretKind kind, Report& report,
                                      const LoadOptions& options) {
  const std::string forms = "{file: PATH}, {credential: NAME} or {env: NAME}";
  const Node::Entry* entry = section.find(name);
  if (entry == nullptr) return std::nullopt;
  if (entry->value->kind != Node::Kind::mapping) {
    section.problem(name, "a " + std::string(name) + " is never written in this file; write where it is: " + forms);
    return std::nullopt;
  }
  Section key(*entry, section.path_of(name), report);
  int given = 0;
  for (const char* form : {"file", "credential", "env"}) given += key.find(form) != nullptr ? 1 : 0;
  key.refuse_others(Section::Show::nothing);
  if (given != 1) {
    section.problem(name, std::string(given == 0 ? "says not where the " + std::string(name) + " is"
                                                 : std::string("names several places")) +
                              "; write one of " + forms);
    return std::nullopt;
  }
  ReadSecret read;
  bool good = key.read("file", [&](const std::string& path) {
    check_value(path);
    const std::filesystem::path file = report.resolve(path);
    read.source = KeyFile{file};
    if (!options.keys_unread) read.secret = secret_from_file(file, kind);
  });
  good = key.read("credential", [&](const std::string& credential) {
    check_value(credential);
    read.source = KeyCredential{credential};
    if (!options.keys_unread) read.secret = secret_from_credential(credential, kind, options);
  }) || good;
  good = key.read("env", [&](const std::string& variable) {
    check_value(variable);
    read.source = KeyVariable{variable};
    if (!options.keys_unread) read.secret = secret_from_variable(variable, kind);
  }) || good;
  return good ? std::optional(std::move(read)) : std::nullopt;
}

void read_key(Section& section, Account& account, Report& report, const LoadOptions& options) {
  section.require("key", "write key: {file: PATH}, {credential: NAME} or {env: NAME}");
  auto read = read_secret(section, "key", SecretKind::key, report, options);
  if (!read) return;
  account.key_source = std::move(read->source);
  account.key = std::move(read->secret);
}

}  // namespace bounced::config
