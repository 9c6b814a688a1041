// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "config/account.h"
#include "config/customers.h"
#include "config/document.h"
#include "config/key.h"
#include "config/report.h"
#include "config/section.h"
#include "config/text.h"

namespace bounced::config {
namespace {

void read_database(Section section, Database& database, Report& report, const LoadOptions& options) {
  // Nothing of the URL is repeated: a password may stand in it.
  section.read("url", [&](const std::string& url) {
    check_value(url);
    if (!url.starts_with("postgresql://") && !url.starts_with("postgres://") && url.find('=') == std::string::npos) {
      throw std::invalid_argument(
          "is no address of a database; write one as postgresql:///bounced, or as "
          "host=HOST dbname=bounced");
    }
    database.url = url;
  });
  // Whoever connects needs it, also those who need no API key. People at a terminal have no credentials of the unit,
  // but may have another way in.
  const LoadOptions always{.credentials_may_be_absent = options.credentials_may_be_absent || options.keys_unread};
  if (auto read = read_secret(section, "password", SecretKind::password, report, always)) {
    database.password_source = std::move(read->source);
    database.password = std::move(read->secret);
  }
  // A connection is a thread here and a server process there, of which PostgreSQL has 100 unless told otherwise.
  section.read("connections", database.connections, 2, 100);
  section.refuse_others();
}

// "500MB", "10GB"; 1024 bytes to a kB, as PostgreSQL counts.
std::uint64_t parse_bytes(std::string_view text) {
  constexpr std::uint64_t least = std::uint64_t{1} << 20;
  constexpr std::uint64_t most = std::uint64_t{1} << 50;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const int shift = unit == "MB" ? 20 : unit == "GB" ? 30 : unit == "TB" ? 40 : -1;
  const bool good = error == std::errc{} && shift > 0 && number <= (most >> shift) && (number << shift) >= least;
  if (!good) throw std::invalid_argument("is " + in_quotes(text) + "; write a size from 1MB to 1024TB, as 10GB");
  return number << shift;
}

void read_polling(Section section, Polling& polling) {
  polling.schedule = read_schedule(section, polling.schedule);
  section.read("concurrency", polling.concurrency, 1, most_concurrent);
  section.read("max_list_bytes", [&](const std::string& text) { polling.max_list_bytes = parse_bytes(text); });
  section.refuse_others();
}

void read_deletions(Section section, Deletions& deletions) {
  section.read("concurrency", deletions.concurrency, 1, most_concurrent);
  // With growing delays, a thousand attempts take weeks.
  section.read("max_attempts", deletions.max_attempts, 1, 1000);
  read_daily_limit(section, deletions.daily_limit);
  section.refuse_others();
}

void read_retention(Section section, Retention& retention) {
  section.read("polls", retention.polls, std::chrono::seconds(1));
  // Merges look at what was deleted since their list was asked for.
  section.read("deletion_requests", retention.deletion_requests, std::chrono::hours(24));
  section.read("gone_bounces", retention.gone_bounces, std::chrono::hours(24));
  section.refuse_others();
}

void read_classes_file(Section& root, Config& config, const Report& report) {
  root.read("classes_file", [&](const std::string& path) {
    check_value(path);
    config.classes_file = report.resolve(path);
    config.class_rules = read_named_file(config.classes_file);
  });
}

void read_log(Section section, Log& log) {
  section.read("level", log.level,
               {{"debug", LogLevel::debug},
                {"info", LogLevel::info},
                {"warning", LogLevel::warning},
                {"error", LogLevel::error}});
  section.read("format", log.format,
               {{"auto", LogFormat::automatic}, {"text", LogFormat::text}, {"json", LogFormat::json}});
  section.refuse_others();
}

// Without a document there is nothing else to report.
Document read_document(const std::filesystem::path& file, Report& report) {
  try {
    const std::string text = read_file(file).bytes;
    if (const auto fault = find_fault(text)) throw SyntaxError(fault->line, fault->message);
    return Document(text);
  } catch (const SyntaxError& error) {
    report.add(error.line(), "", error.what());
  } catch (const std::invalid_argument& error) {
    report.add(0, "", error.what());
  }
  report.raise();
}

}  // namespace

Config load(const std::filesystem::path& file, const LoadOptions& options) {
  Report report(file);
  const Document document = read_document(file, report);
  if (document.second_document_line() > 0) {
    report.add(document.second_document_line(), "", "a second YAML document begins here; write everything in one");
  }
  Config config;
  Section root({"", 0, &document.root()}, "", report);
  read_database(root.section("database"), config.database, report, options);
  read_polling(root.section("polling"), config.polling);
  read_deletions(root.section("deletions"), config.deletions);
  read_retention(root.section("retention"), config.retention);
  read_log(root.section("log"), config.log);
  read_classes_file(root, config, report);
  config.accounts = read_accounts(root, config, report, options);
  root.refuse_others();
  if (!report.empty()) report.raise();
  return config;
}

}  // namespace bounced::config
