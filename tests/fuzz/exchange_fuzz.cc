// SPDX-License-Identifier: Apache-2.0
// The way of an answer through the whole client, from the bytes on the connection to the verdict. The first byte of the
// input chooses the call, the second where an answer is cut; the rest is an answer, then perhaps `separator` and the
// answer to a second call of the same client. Nothing here waits for time: where the client waits for more, it gets it,
// or the end.
#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/api/client.h"

namespace bounced::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::string_view key = "Zq7+xW#k";  // which no text of our own contains
constexpr std::string_view separator = "====\n";

enum class Call { json_list, xml_list, v2_removal, v3_list, v3_removal, v3_removals, v3_subusers };
constexpr std::uint8_t calls = 7;

// What the client makes of an answer, in words that can be compared.
struct Verdict {
  enum class Kind { list, removal, subusers, fault, asks_for_more } kind = Kind::fault;
  std::string said;
  int status = 0;

  [[nodiscard]] bool is_good() const { return kind != Kind::fault && kind != Kind::asks_for_more; }
  [[nodiscard]] bool is_fault() const { return kind == Kind::fault; }
  bool operator==(const Verdict&) const = default;
};

void require(bool so, const char* what) {
  if (so) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// The server's side, which does not block.
class Server {
 public:
  explicit Server(asio::io_context& io) : acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    acceptor_.non_blocking(true);
  }

  [[nodiscard]] std::string base_url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

  // What each request is answered with from now on, in pieces of so many bytes.
  void answer_with(std::string_view bytes, std::size_t piece) {
    send_rest();
    answer_ = bytes;
    piece_ = piece;
    asked_ = false;
  }

  // The client has nothing to do: the next thing that happens to it. Whether there was one.
  bool step() {
    boost::system::error_code error;
    tcp::socket come(acceptor_.get_executor());
    acceptor_.accept(come, error);
    if (!error) {
      peer_.emplace(std::move(come));
      peer_->non_blocking(true);
      asked_ = false;
      return true;
    }
    if (!peer_) return false;
    std::array<char, 4096> request;
    if (peer_->read_some(asio::buffer(request), error) > 0) {
      asked_ = true;
      rest_ = answer_;
      return true;
    }
    if (!asked_) return false;
    if (rest_.empty()) {
      peer_->shutdown(tcp::socket::shutdown_send, error);
      asked_ = false;
      return true;
    }
    send(std::min(piece_, rest_.size()));
    return true;
  }

 private:
  void send(std::size_t count) {
    boost::system::error_code error;
    const std::size_t sent = peer_->write_some(asio::buffer(rest_.data(), count), error);
    rest_.remove_prefix(error ? rest_.size() : sent);
  }
  // What the client did not wait for comes all the same.
  void send_rest() {
    if (peer_ && asked_ && !rest_.empty()) send(rest_.size());
    rest_ = {};
  }

  tcp::acceptor acceptor_;
  std::optional<tcp::socket> peer_;
  std::string_view answer_;
  std::string_view rest_;  // of it
  std::size_t piece_ = 1;
  bool asked_ = false;
};

class Kept final : public Sink {
 public:
  asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) override {
    for (const db::ListedBounce& bounce : batch) {
      require(!bounce.email.empty() && bounce.email.size() <= 1000, "an email that cannot be");
      said += bounce.email + '\n' + bounce.status + '\n' + bounce.reason + '\n';
    }
    co_return;
  }
  std::string said;
};

// A client with its server.
class Exchange {
 public:
  explicit Exchange(Call call) : call_(call) {
    config::Account account;
    account.name = "main";
    account.api = call < Call::v3_list ? config::Api::v2 : config::Api::v3;
    account.format = call == Call::xml_list ? config::Format::xml : config::Format::json;
    account.base_url = server_.base_url();
    account.user = "reseller";
    account.key.emplace(std::string(key));
    client_ = make_client(io_.get_executor(), account);
  }

  Verdict answered(std::string_view bytes, std::size_t piece = SIZE_MAX) {
    server_.answer_with(bytes, piece);
    std::optional<Verdict> verdict;
    asked_ = 0;
    asio::co_spawn(io_, ask(), [&](std::exception_ptr error, Verdict said) {
      if (error) std::rethrow_exception(error);
      verdict = std::move(said);
    });
    while (!verdict) {
      io_.restart();
      if (io_.poll() > 0) continue;
      // Nothing to do for either: the network, or the resolver's thread, is on its way.
      if (!server_.step()) io_.run_one_for(std::chrono::milliseconds(1));
    }
    return *verdict;
  }

 private:
  struct More {};

  asio::awaitable<Verdict> ask() {
    bool more = false;
    Verdict verdict;
    try {
      verdict = co_await verdict_of_call();
    } catch (const More&) {
      more = true;
    }
    if (more) verdict.kind = Verdict::Kind::asks_for_more;
    co_return verdict;
  }

  // One request a call: an answer that leads to a second one is a verdict too.
  asio::awaitable<Permit> admit() {
    if (++asked_ > 1) throw More();
    co_return nullptr;
  }

  asio::awaitable<Verdict> verdict_of_call() {
    const Admit admit = [this] { return this->admit(); };
    switch (call_) {
      case Call::json_list:
      case Call::xml_list:
      case Call::v3_list: {
        Kept kept;
        const auto outcome = co_await client_->read_list("customer", std::nullopt, kept, admit);
        if (const auto* fault = std::get_if<Fault>(&outcome)) co_return told(*fault);
        const auto& read = std::get<ListRead>(outcome);
        co_return Verdict{Verdict::Kind::list,
                          kept.said + std::to_string(read.without_email) + ' ' + std::to_string(read.too_long), 200};
      }
      case Call::v2_removal:
      case Call::v3_removal:
      case Call::v3_removals: {
        Addresses addresses(std::get<Address>(Address::parse("a@example.org")));
        if (call_ == Call::v3_removals) addresses.add(std::get<Address>(Address::parse("b@example.org")));
        const auto outcome = co_await client_->remove("customer", addresses, admit);
        if (const auto* fault = std::get_if<Fault>(&outcome)) co_return told(*fault);
        const bool deleted = std::get<Removal>(outcome).outcome == Removed::deleted;
        co_return Verdict{Verdict::Kind::removal, deleted ? "deleted" : "not listed", 0};
      }
      case Call::v3_subusers:
        break;
    }
    const auto outcome = co_await client_->list_customers(admit);
    if (const auto* fault = std::get_if<Fault>(&outcome)) co_return told(*fault);
    Verdict verdict{Verdict::Kind::subusers, "", 200};
    for (const Subuser& subuser : std::get<std::vector<Subuser>>(outcome)) verdict.said += subuser.name + '\n';
    co_return verdict;
  }

  static Verdict told(const Fault& fault) {
    require(!fault.message.empty() && fault.message.size() <= 1200, "a message that is empty or long");
    require(fault.message.find(key) == fault.message.npos, "the key in a message");
    for (const char byte : fault.message) {
      require(static_cast<unsigned char>(byte) >= ' ' && byte != '\x7F', "a control character in a message");
    }
    std::string said = std::string(name(fault.kind)) + ", " + name(fault.origin) + ": " + fault.message;
    // Each client has a server at a port of its own.
    if (const auto path = said.find("/apiv2/"), v3 = said.find("/v3/"); std::min(path, v3) != said.npos) {
      const auto scheme = said.find("http://127.0.0.1:");
      if (scheme < std::min(path, v3)) said.erase(scheme, std::min(path, v3) - scheme);
    }
    return {Verdict::Kind::fault, std::move(said), fault.http_status};
  }

  Call call_;
  int asked_ = 0;
  asio::io_context io_{1};
  Server server_{io_};
  std::unique_ptr<Client> client_;
};

// Of the head that counts, read in the plainest way; 0: there is none.
int status_of(std::string_view bytes) {
  while (true) {
    const auto end = bytes.find("\r\n\r\n");
    const auto space = bytes.find(' ');
    if (end == bytes.npos || space > end) return 0;
    const int status = std::atoi(std::string(bytes.substr(space + 1, 3)).c_str());
    if (status >= 200) return status;
    bytes.remove_prefix(end + 4);
  }
}

void check(Call call, std::uint8_t where, std::string_view answer, std::optional<std::string_view> next) {
  const Verdict whole = Exchange(call).answered(answer);
  if (whole.is_good()) {
    const int status = status_of(answer);
    const bool removal = whole.kind == Verdict::Kind::removal;
    const bool may = status == 200 || (removal && (status < 300 || whole.said == "not listed"));
    require(may, "good news with the status of an error");
  }
  // v3 remembers limits: what its next call is told depends on this one.
  const bool asks_next = next && call < Call::v3_list;
  const Verdict other = asks_next ? Exchange(call).answered(*next) : Verdict();
  for (const std::size_t piece : std::initializer_list<std::size_t>{1, 7, SIZE_MAX}) {
    if (answer.size() / piece >= 400) continue;
    // However it comes, it is the same answer. (Which of two faults is met first may differ.)
    Exchange exchange(call);
    const Verdict pieces = exchange.answered(answer, piece);
    require(pieces == whole || (pieces.is_fault() && whole.is_fault()), "in pieces it is another answer");
    // Whatever came before and after it on the connection, the next call has its own answer.
    // (Surplus on a kept connection is a fault.)
    if (!asks_next) continue;
    const Verdict after = exchange.answered(*next);
    require(after == other || after.is_fault(), "an answer is not that of its call");
  }
  // What broke off is never news of its own: a shorter list, another end.
  const auto size = answer.size();
  for (const std::size_t cut : {size - std::min<std::size_t>(size, 1), size * where / 256}) {
    const Verdict part = Exchange(call).answered(answer.substr(0, cut));
    if (!whole.is_fault()) require(part == whole || part.is_fault(), "a part is another list");
  }
}

}  // namespace
}  // namespace bounced::api

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // The system's authorities take their time to load for each client.
  setenv("SSL_CERT_FILE", "/dev/null", 1);
  setenv("SSL_CERT_DIR", "/dev/null", 1);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bounced::api;
  if (size < 2 || size > 16384) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::optional<std::string_view> next;
  if (const auto at = bytes.find(separator); at != bytes.npos) {
    next = bytes.substr(at + separator.size());
    bytes = bytes.substr(0, at);
  }
  check(static_cast<Call>(data[0] % calls), data[1], bytes, next);
  return 0;
}
