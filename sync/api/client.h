// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "db/listed_bounce.h"
#include "sync/api/address.h"
#include "sync/api/fault.h"
#include "sync/api/parse/removal.h"
#include "sync/api/permit.h"
#include "sync/api/subuser.h"

// The border between the job and the APIs, in words that each of them can speak.
namespace bounced::api {

// Where a list goes while it is read. A put may take its time; nothing more is read from the network meanwhile.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual boost::asio::awaitable<void> put(std::vector<db::ListedBounce>&& batch) = 0;
};

// Batches that are given to a Sink are at most about this large.
inline constexpr std::size_t batch_bytes = 256 * 1024;

// A list that was read to its end.
struct ListRead {
  std::uint64_t entries = 0;        // put into the sink
  std::uint64_t without_email = 0;  // left out; such a list is not complete
  std::uint64_t too_long = 0;       // left out: an email of more than 1,000 bytes
  std::uint64_t bytes = 0;          // of the bodies, as they came over the wire
  std::uint64_t requests = 1;       // that it took
  // Why the list may lack bounces that stood on it all the time; empty: it does not.
  std::string unproven = {};
  // It was read by ranges of time, in none of which entries are that have no time: some of these may be missing.
  bool by_time = false;

  [[nodiscard]] bool complete() const { return without_email == 0 && unproven.empty(); }
};

// Addresses that were taken off a list, or were not on it. (Of several at once the API may say only that they are off.)
struct Removal {
  Removed outcome;
  // The request was sent a second time, since the connection broke before an answer came. If the first one was carried
  // out all the same, the second one finds nothing: "not listed" may be our own doing.
  bool sent_twice = false;
};

// One account at one API. Calls may run at the same time; each borrows a connection that is kept alive between calls.
//
// Errors: whatever the API or the network to it does is a Fault. What the sink throws passes through. A cancelled call
// (terminal) throws system_error(operation_aborted), at the latest when the sink's put has ended; but what a remove()
// was already told, it returns.
//
// `admit` is asked before each request, and gives leave to make it (sync/api/permit.h).
//
// Customers are named as the API names them (config::Customer::api_name).
class Client {
 public:
  virtual ~Client() = default;

  // Reads the customer's list: whole, or the last recent_days days of it. Only a list known to be complete as a
  // document is a ListRead; after a Fault, what was put into the sink means nothing.
  virtual boost::asio::awaitable<std::variant<ListRead, Fault>> read_list(std::string customer,
                                                                          std::optional<int> recent_days, Sink& sink,
                                                                          Admit admit) = 0;

  // Takes the addresses off the customer's list, by one request. After a Fault they may be off or not, unless the fault
  // is a refusal.
  virtual boost::asio::awaitable<std::variant<Removal, Fault>> remove(std::string customer, Addresses addresses,
                                                                      Admit admit) = 0;
  // How many addresses remove() takes.
  [[nodiscard]] virtual std::size_t most_removed() const { return 1; }

  // All customers of the account, by name; each once. Where the API cannot tell: a Fault (refused).
  virtual boost::asio::awaitable<std::variant<std::vector<Subuser>, Fault>> list_customers(Admit admit) = 0;
};

struct Deadlines {
  std::chrono::milliseconds connect = std::chrono::seconds(15);  // name, TCP and TLS, together
  std::chrono::milliseconds first_byte = std::chrono::seconds(60);
  std::chrono::milliseconds silence = std::chrono::seconds(60);  // between two pieces of an answer
  // What an exchange may wait for the network in all, and how fast entries of a list must come in to be waited for
  // longer than that (see Budget). Real servers are a thousand times as fast.
  std::chrono::milliseconds total = std::chrono::seconds(120);
  std::uint64_t bytes_per_second = 1024;
};

// The account must have its key. Throws std::runtime_error if its ca_file cannot be used.
std::unique_ptr<Client> make_client(const boost::asio::any_io_executor& executor, const config::Account& account,
                                    const Deadlines& deadlines = {});

}  // namespace bounced::api
