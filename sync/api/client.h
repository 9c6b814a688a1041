// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
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
  std::uint64_t bytes = 0;          // of the body, as it came over the wire

  [[nodiscard]] bool complete() const { return without_email == 0; }
};

// An address that was taken off a list, or was not on it.
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
class Client {
 public:
  virtual ~Client() = default;

  // Reads the customer's list: whole, or the last recent_days days of it. Only a list known to be complete as a
  // document is a ListRead; after a Fault, what was put into the sink means nothing.
  virtual boost::asio::awaitable<std::variant<ListRead, Fault>> read_list(std::string customer,
                                                                          std::optional<int> recent_days,
                                                                          Sink& sink) = 0;

  // Takes the address off the customer's list. After a Fault it may be off or not, unless the fault is a refusal.
  virtual boost::asio::awaitable<std::variant<Removal, Fault>> remove(std::string customer, Address address) = 0;
};

struct Deadlines {
  std::chrono::milliseconds connect = std::chrono::seconds(15);  // name, TCP and TLS, together
  std::chrono::milliseconds first_byte = std::chrono::seconds(60);
  std::chrono::milliseconds silence = std::chrono::seconds(60);  // between two pieces of a body
};

// The account must have its key. Throws std::runtime_error if its ca_file cannot be used.
std::unique_ptr<Client> make_client(boost::asio::any_io_executor executor, const config::Account& account,
                                    const Deadlines& deadlines = {});

}  // namespace bounced::api
