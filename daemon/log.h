// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.h"

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace bounced::daemon {

// A key=value pair of a log line. A name is lower case, the same for the same thing everywhere: customer, account,
// kind, error. Never give one a key or a URL.
struct LogField {
  std::string_view name;
  std::variant<std::string, std::int64_t> value;
};
using LogFields = std::vector<LogField>;

enum class LogForm {
  text,     // "2024-05-06 07:08:09.123 info    message key=value"
  json,     // an object a line: "time", "level", "message", and the fields
  journal,  // the fields as the journal's own: CUSTOMER=, ACCOUNT=, …
};

// The daemon's log, on standard error or in the journal. To be used from any thread.
class Log {
 public:
  explicit Log(const config::Log& settings);
  Log(LogForm form, config::LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink);
  ~Log();

  // The message is short and never changes, so that people can search for it; what differs is in the fields.
  void write(config::LogLevel level, std::string_view message, const LogFields& fields = {});
  void debug(std::string_view message, const LogFields& fields = {}) {
    write(config::LogLevel::debug, message, fields);
  }
  void info(std::string_view message, const LogFields& fields = {}) { write(config::LogLevel::info, message, fields); }
  void warning(std::string_view message, const LogFields& fields = {}) {
    write(config::LogLevel::warning, message, fields);
  }

  void error(std::string_view message, const LogFields& fields = {}) {
    write(config::LogLevel::error, message, fields);
  }

  // From now on; only while no other thread writes.
  void set_level(config::LogLevel level) { level_ = level; }
  [[nodiscard]] bool shows(config::LogLevel level) const { return level >= level_; }

 private:
  LogForm form_;
  config::LogLevel level_;
  std::unique_ptr<spdlog::logger> lines_;
};

// A line in each of the forms, without the time that the logger puts before text.
std::string text_line(std::string_view message, const LogFields& fields);
std::string json_line(config::LogLevel level, std::string_view message, const LogFields& fields);
std::vector<std::string> journal_fields(config::LogLevel level, std::string_view message, const LogFields& fields);

}  // namespace bounced::daemon
