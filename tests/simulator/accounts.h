// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace bounced::simulator {

// Who may call, by v2 and by v3.
class Accounts {
 public:
  void add(std::string user, std::string key);
  void remove(const std::string& user);
  void set_own_customer(std::string user, std::string customer);

  [[nodiscard]] bool know(const std::string& user, const std::string& key) const;
  // The user whose key this is.
  [[nodiscard]] std::optional<std::string> owner_of(const std::string& key) const;
  // "" where there is none.
  [[nodiscard]] std::string own_customer(const std::string& user) const;
  [[nodiscard]] bool is_own(const std::string& customer) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> keys_;  // by user
  std::map<std::string, std::string> own_;   // customer by user
};

}  // namespace bounced::simulator
