// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <optional>
#include <pqxx/pqxx>
#include <pqxx/version>
#include <string>
#include <string_view>
#include <type_traits>

// Everything in which libpqxx 6.4 and 7.10 differ, so that the rest of db/ reads the same with both (but for copy.cc,
// which hides its own difference).
namespace bounced::db {

namespace detail {

using Parameter = std::optional<std::string>;  // nothing: null

template <class T>
Parameter to_parameter(const T& value);

template <class T>
Parameter to_parameter(const std::optional<T>& value) {
  return value ? to_parameter(*value) : std::nullopt;
}

// A PostgreSQL array literal; cast the parameter to the array's type in the SQL ($1::text[]).
template <class Range>
std::string array_literal(const Range& range) {
  std::string text = "{";
  for (const auto& element : range) {
    if (text.size() > 1) text += ',';
    const Parameter value = to_parameter(element);
    if (!value) {
      text += "NULL";
      continue;
    }
    text += '"';
    for (char c : *value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text += '}';
}

template <class T>
Parameter to_parameter(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return value ? "t" : "f";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return pqxx::to_string(value);
  } else if constexpr (std::convertible_to<const T&, std::string_view>) {
    return std::string(std::string_view(value));
  } else {
    return array_literal(value);
  }
}

}  // namespace detail

// Runs one statement with parameters: numbers, bool, text (without NUL), optionals of them, and ranges of those, which
// become array literals.
template <class First, class... Rest>
pqxx::result exec(pqxx::transaction_base& tx, const std::string& sql, const First& first, const Rest&... rest) {
  const std::array<detail::Parameter, 1 + sizeof...(Rest)> values{detail::to_parameter(first),
                                                                  detail::to_parameter(rest)...};
  return std::apply(
      [&](const auto&... value) {
        constexpr auto pointer = [](const detail::Parameter& v) { return v ? v->c_str() : nullptr; };
#if PQXX_VERSION_MAJOR < 7
        return tx.exec_params(sql, pointer(value)...);
#else
        return tx.exec(sql, pqxx::params{pointer(value)...});
#endif
      },
      values);
}

// Runs SQL text that may hold several statements; gives the last one's result.
inline pqxx::result exec(pqxx::transaction_base& tx, const std::string& sql) {
  return tx.exec(sql);
}

// The only row of a statement's result.
template <class... Args>
pqxx::row exec_row(pqxx::transaction_base& tx, const std::string& sql, const Args&... args) {
  const pqxx::result rows = exec(tx, sql, args...);
  if (rows.size() != 1) throw pqxx::unexpected_rows("one row expected, not " + std::to_string(rows.size()));
  return rows[0];
}

// A field that may be null.
template <class T>
std::optional<T> get(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<T>();
}

// Switches off what would go on behind our back: 6.4 reconnects silently, to a session without settings or temporary
// tables, and both print the server's notices to stderr. To live no longer than the connection.
class TamedConnection {
 public:
  explicit TamedConnection(const std::string& conninfo) : connection_(conninfo) {
#if PQXX_VERSION_MAJOR < 7
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // there is no other way to say it
    connection_.inhibit_reactivation(true);
#pragma GCC diagnostic pop
#else
    connection_.set_notice_handler([](pqxx::zview) noexcept {});
#endif
  }
  TamedConnection(const TamedConnection&) = delete;
  TamedConnection& operator=(const TamedConnection&) = delete;

  pqxx::connection& operator*() {
    return connection_;
  }
  bool is_open() const {
    return connection_.is_open();
  }

 private:
  pqxx::connection connection_;
#if PQXX_VERSION_MAJOR < 7
  pqxx::quiet_errorhandler quiet_{connection_};
#endif
};

// LISTEN on a connection outside a transaction; handler(payload) runs inside connection.get_notifs().
#if PQXX_VERSION_MAJOR < 7
class Receiver final : public pqxx::notification_receiver {
 public:
  using Handler = std::function<void(const std::string& payload)>;
  Receiver(pqxx::connection& connection, const std::string& channel, Handler handler)
      : pqxx::notification_receiver(connection, channel), handler_(std::move(handler)) {}
  void operator()(const std::string& payload, int) override { handler_(payload); }

 private:
  Handler handler_;
};
#else
class Receiver {
 public:
  using Handler = std::function<void(const std::string& payload)>;
  Receiver(pqxx::connection& connection, const std::string& channel, Handler handler) {
    connection.listen(channel, [handler = std::move(handler)](const pqxx::notification& told) {
      handler(std::string(told.payload));
    });
  }
};
#endif

}  // namespace bounced::db
