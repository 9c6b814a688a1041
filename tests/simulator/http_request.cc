// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/http_request.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>

namespace bounced::simulator {
namespace {

namespace http = boost::beast::http;

std::string form_decoded(std::string_view text) {
  std::string blanks(text);
  std::ranges::replace(blanks, '+', ' ');
  return percent_decoded(blanks);
}

}  // namespace

std::optional<Request> RequestReader::next() {
  http::request_parser<http::string_body> parser;
  parser.header_limit(64 * 1024);
  parser.body_limit(1024 * 1024);
  parser.eager(true);
  transport_.set_idle(in_.empty());
  while (!parser.is_done()) {
    if (in_.empty() && !transport_.read(in_)) return std::nullopt;
    transport_.set_idle(false);
    boost::system::error_code error;
    in_.erase(0, parser.put(boost::asio::buffer(in_), error));
    if (error == http::error::need_more) {
      if (!transport_.read(in_)) return std::nullopt;
    } else if (error) {
      throw Gone{};
    }
  }
  auto message = parser.release();
  Request request{std::string(message.method_string()), std::string(message.target()), {}, {}, message.keep_alive()};
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  request.body = std::move(message.body());
  return request;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const std::string_view hex = text.substr(i + 1 < text.size() ? i + 1 : text.size()).substr(0, 2);
    if (text[i] == '%' && hex.size() == 2 && std::from_chars(hex.begin(), hex.end(), byte, 16).ptr == hex.end()) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void append_form(Pairs& out, std::string_view form) {
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    out.emplace_back(form_decoded(pair.substr(0, equals)),
                     form_decoded(pair.substr(std::min(equals + 1, pair.size()))));
  }
}

std::string_view reason_phrase(int status) {
  const auto phrase = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return {phrase.data(), phrase.size()};
}

}  // namespace bounced::simulator
