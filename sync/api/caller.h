// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.h"
#include "sync/api/client.h"
#include "sync/api/http.h"
#include "sync/api/parse/list_parser.h"
#include "sync/api/transport_error.h"

namespace bounced::api {

// What an account's calls have in common, whichever API it is: sends them, reads lists of bounces and short answers,
// and says what went wrong, and where.
class Caller {
 public:
  using ListOutcome = std::variant<ListRead, Fault>;

  // The account must have its key. Throws std::runtime_error if its ca_file cannot be used.
  Caller(const boost::asio::any_io_executor& executor, const config::Account& account, const Deadlines& deadlines);

  [[nodiscard]] const std::string& key() const { return key_.reveal(); }
  [[nodiscard]] std::uint64_t max_list_bytes() const { return max_list_bytes_; }
  // The path that everything of the API lies under, by base_url; without a slash at the end.
  [[nodiscard]] const std::string& base_path() const { return http_.origin().path; }

  // How a list is written.
  struct ListForm {
    config::Format format = config::Format::json;
    ListParser::Times times = ListParser::Times::local;
  };
  // Reads a list of bounces. `head`, if not null, is that of the answer, as soon as it is there.
  boost::asio::awaitable<ListOutcome> read_list(HttpRequest request, ListForm form, Sink& sink,
                                                HttpHead* head = nullptr);

  // A whole list, or part of one, none of whose entries has an email is no list of bounces.
  [[nodiscard]] ListOutcome checked(std::string_view target, ListRead read) const;

  struct Text {
    HttpHead head;
    std::string body;    // no more than `most`
    bool whole = false;  // that is all of it; else it is longer, or broke off
    bool broke_off = false;
    bool sent_twice = false;
  };
  // Reads an answer that is short. One that broke off is a fault where its status says that it went well.
  boost::asio::awaitable<std::variant<Text, Fault>> read_text(HttpRequest request, std::size_t most);

  // What an answer means that is not the one that was asked for. Paths stand without their query: the key may be in it.
  [[nodiscard]] Fault fault_of(std::string_view target, const HttpHead& head, std::string body,
                               std::string not_a_list) const;
  // The same of a short answer.
  [[nodiscard]] Fault fault_of(std::string_view target, Text answer) const;
  [[nodiscard]] Fault not_understood(std::string_view target, const std::string& why) const;
  [[nodiscard]] Fault rate_limited(std::string_view target, const std::string& why,
                                   std::chrono::seconds retry_after) const;

 private:
  boost::asio::awaitable<ListOutcome> read_list_answer(HttpRequest request, ListForm form, Sink& sink, HttpHead* head);
  boost::asio::awaitable<std::variant<Text, Fault>> read_text_answer(HttpRequest request, std::size_t most);
  boost::asio::awaitable<Fault> read_fault(HttpAnswer& http, std::string_view target, std::string begun,
                                           std::string not_a_list);
  [[nodiscard]] Fault located(std::string_view target, Fault fault) const;
  [[nodiscard]] Fault unreachable(std::string_view target, const TransportError& error) const;

  config::Api api_;
  config::Secret key_;
  std::uint64_t max_list_bytes_;
  HttpClient http_;
};

}  // namespace bounced::api
