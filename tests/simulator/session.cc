// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/session.h"

#include <strings.h>

#include <array>
#include <ctime>
#include <utility>

#include "tests/simulator/answer_writer.h"
#include "tests/simulator/http_request.h"

namespace bounced::simulator {
namespace {

Call call_of(Request& request, const Transport& transport, std::uint64_t connection, const V3& v3) {
  Call call;
  call.time = std::chrono::system_clock::now();
  call.connection = connection;
  call.tls = transport.tls_version();
  call.method = request.method;
  const std::string_view target = request.target;
  const std::size_t question = std::min(target.find('?'), target.size());
  call.path = target.substr(0, question);
  call.format = format_of(call.path);
  append_form(call.parameters, target.substr(std::min(question + 1, target.size())));
  call.in_query = !call.parameters.empty();
  if (!call.is_v3()) append_form(call.parameters, request.body);
  call.headers = std::move(request.headers);
  call.body = std::move(request.body);
  if (call.is_v3()) call.v3_customer = v3.customer_of(call);
  return call;
}

bool has(const Pairs& headers, std::string_view name) {
  for (const auto& [have, value] : headers) {
    if (have.size() == name.size() && strncasecmp(have.data(), name.data(), name.size()) == 0) return true;
  }
  return false;
}

// A header of the answer's own replaces the usual one of that name.
void append_usual(std::string& head, const Answer& answer, std::string_view name, std::string_view value) {
  if (!has(answer.headers, name)) head.append(name).append(": ").append(value).append("\r\n");
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

std::string make_head(const Answer& answer, const Response& response, bool gzip, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(reason_phrase(response.status)).append("\r\n");
  append_usual(head, answer, "Server", "nginx");
  append_usual(head, answer, "Date", http_date());
  if (!response.content_type.empty()) append_usual(head, answer, "Content-Type", response.content_type);
  if (gzip) append_usual(head, answer, "Content-Encoding", "gzip");
  append_usual(head, answer, "Connection", keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) append_usual(head, answer, name, value);
  for (const auto& [name, value] : answer.headers) head.append(name).append(": ").append(value).append("\r\n");
  return head;
}

Response respond(const Call& call, const Answer& answer, Apis apis, Record& record) {
  Response response;
  if (answer.body) {
    response = {200, call.format == "xml" ? "text/xml" : "application/json", text_document(*answer.body)};
  } else {
    response = call.is_v3() ? apis.v3.respond(call) : apis.v2.respond(call);
    if (response.status == 429) record.refused_v3();
  }
  if (answer.status) response.status = *answer.status;
  if (answer.content_type) response.content_type = *answer.content_type;
  return response;
}

// False if nothing more can come over this connection.
bool answer_call(Call& call, bool keep_alive, Transport& transport, AnswerWriter& writer, const Answer& answer,
                 Apis apis, Record& record) {
  Response response = respond(call, answer, apis, record);
  call.status = response.status;
  if (answer.reset_request) {
    transport.reset_on_close();
    return false;
  }
  if (answer.hold_head) writer.hold();

  const Framing framing = answer.framing.value_or(response.is_list ? Framing::chunked : Framing::length);
  const bool ends = answer.ending != Ending::honest || answer.close_after || framing == Framing::until_close;
  const bool gzip = *answer.gzip == Gzip::if_accepted ? call.header("Accept-Encoding").find("gzip") != std::string::npos
                                                      : *answer.gzip != Gzip::never;
  std::string head = make_head(answer, response, gzip, keep_alive && framing != Framing::until_close);
  if (call.method == "HEAD" || response.status == 204 || response.status == 304) {
    writer.send_head(std::move(head));
  } else {
    const bool packed = gzip && *answer.gzip == Gzip::if_accepted && response.packed;
    EncodedBody body(packed ? packed_document(response.packed) : std::move(response.document), answer, gzip && !packed);
    writer.send(std::move(head), framing, body);
  }
  const bool goes_on = keep_alive && !ends;
  if (answer.ending == Ending::reset) {
    transport.reset_on_close();
  } else if (!goes_on && answer.ending != Ending::cut_off) {
    transport.say_goodbye();
  }
  return goes_on;
}

// Notes what became of a call, also if it ends by Gone.
struct Outcome {
  Call& call;
  const AnswerWriter& writer;
  Record& record;
  ~Outcome() {
    call.body_bytes = writer.body_bytes();
    call.ended = std::chrono::system_clock::now();
    record.ended(call);
  }
};

}  // namespace

void serve(Transport& transport, std::uint64_t connection, Apis apis, Behaviour& behaviour, Record& record) {
  RequestReader requests(transport);
  while (std::optional<Request> request = requests.next()) {
    Call call = call_of(*request, transport, connection, apis.v3);
    record.arrived(call);
    const Answer answer = behaviour.choose(call);
    AnswerWriter writer(transport, record, behaviour, answer);
    const Outcome outcome{call, writer, record};
    const bool goes_on = answer_call(call, request->keep_alive, transport, writer, answer, apis, record);
    call.answered = !answer.reset_request;
    if (!goes_on) return;
  }
  transport.say_goodbye();
}

}  // namespace bounced::simulator
