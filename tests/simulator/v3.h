// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulator/accounts.h"
#include "tests/simulator/lists.h"
#include "tests/simulator/newest_first.h"
#include "tests/simulator/rate_limit.h"
#include "tests/simulator/response.h"
#include "tests/simulator/simulator.h"

namespace bounced::simulator {

// SendGrid's v3: the same lists and the same accounts as V2's, whose keys are the bearer's here.
class V3 {
 public:
  V3(Lists& lists, const Accounts& accounts, std::string time_zone)
      : lists_(lists), accounts_(accounts), time_zone_(std::move(time_zone)) {}

  void set_behaviour(V3Behaviour behaviour);
  void set_disabled(const std::string& customer, bool disabled);
  void set_limit(std::uint64_t requests, std::chrono::seconds per) { limit_.set(requests, per); }

  // The customer whom the call is about: named by it, or the own one of the key's owner; "" if there is none.
  [[nodiscard]] std::string customer_of(const Call& call) const;
  // Does what is asked. Throws std::invalid_argument if a list is asked for and its time zone is not known.
  Response respond(const Call& call);

 private:
  Response answer(const Call& call);
  Response list(const Call& call, const BounceList& list);
  Response remove(const Call& call);
  Response remove_one(const Call& call, const std::string& email);
  Response subusers(const Call& call);
  // The entries from this place on of those that are asked for, in the order that the server has.
  std::vector<Dated> page(const Dated* first, const Dated* last, std::uint64_t offset, std::uint64_t size,
                          const V3Behaviour& behaviour);

  Lists& lists_;
  const Accounts& accounts_;
  const std::string time_zone_;
  NewestFirst newest_first_;
  RateLimit limit_;
  std::atomic<std::uint64_t> shuffles_ = 0;
  mutable std::mutex mutex_;  // of the rest
  V3Behaviour behaviour_;
  std::set<std::string> disabled_;
  std::map<std::string, std::uint64_t> ids_;  // by customer
};

// What Call::task() says of a v3 call.
std::string v3_task(const Call& call);

}  // namespace bounced::simulator
