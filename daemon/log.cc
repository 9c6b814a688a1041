// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <syslog.h>

#include <boost/json.hpp>
#include <cctype>
#include <chrono>

#include "daemon/service_manager.h"
#include "daemon/text.h"

namespace bounced::daemon {
namespace {

using config::LogLevel;

LogForm form_of(config::LogFormat format) {
  if (format == config::LogFormat::json) return LogForm::json;
  if (format == config::LogFormat::automatic && stderr_is_journal()) return LogForm::journal;
  return LogForm::text;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "error";
}

int journal_priority(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return LOG_DEBUG;
    case LogLevel::info:
      return LOG_INFO;
    case LogLevel::warning:
      return LOG_WARNING;
    case LogLevel::error:
      return LOG_ERR;
  }
  return LOG_ERR;
}

std::string text_of(const LogField& field) {
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) return std::to_string(*number);
  return std::get<std::string>(field.value);
}

std::string now_in_utc() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     now.time_since_epoch().count() % 1000);
}

}  // namespace

std::string text_line(std::string_view message, const LogFields& fields) {
  std::string line = printable(message);
  for (const LogField& field : fields) line += fmt::format(" {}={}", field.name, as_value(text_of(field)));
  return line;
}

std::string json_line(LogLevel level, std::string_view message, const LogFields& fields) {
  boost::json::object line{{"time", now_in_utc()}, {"level", name_of(level)}, {"message", message}};
  for (const LogField& field : fields) {
    const boost::json::string_view name(field.name.data(), field.name.size());
    if (const auto* number = std::get_if<std::int64_t>(&field.value))
      line[name] = *number;
    else
      line[name] = std::get<std::string>(field.value);
  }
  return escaped_json(boost::json::serialize(line));
}

std::vector<std::string> journal_fields(LogLevel level, std::string_view message, const LogFields& fields) {
  std::vector<std::string> entry{"MESSAGE=" + text_line(message, fields),
                                 fmt::format("PRIORITY={}", journal_priority(level)), "SYSLOG_IDENTIFIER=bounced"};
  for (const LogField& field : fields) {
    std::string name(field.name);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    entry.push_back(name + "=" + printable(text_of(field)));
  }
  return entry;
}

Log::Log(const config::Log& settings)
    : Log(form_of(settings.format), settings.level, std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {}

Log::Log(LogForm form, LogLevel level, std::shared_ptr<spdlog::sinks::sink> sink)
    : form_(form), level_(level), lines_(std::make_unique<spdlog::logger>("bounced", std::move(sink))) {
  lines_->set_level(spdlog::level::debug);
  lines_->set_pattern(form == LogForm::json ? "%v" : "%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message, const LogFields& fields) {
  if (!shows(level)) return;
  // A journal that is away must not lose us: standard error is what is left.
  if (form_ == LogForm::journal && send_to_journal(journal_fields(level, message, fields))) return;
  const std::string line = form_ == LogForm::json ? json_line(level, message, fields) : text_line(message, fields);
  lines_->log(spdlog_level(level), spdlog::string_view_t(line));
}

}  // namespace bounced::daemon
