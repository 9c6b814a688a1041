// SPDX-License-Identifier: Apache-2.0
#include "db/address.h"

#include "db/pqxx_compat.h"
#include "db/queries.h"
#include "db/session.h"

namespace bounced::db {

AddressHistory address_history(Session& session, const std::vector<std::string>& spellings) {
  return session.in_transaction([&](pqxx::work& tx) {
    AddressHistory history;
    for (const auto& row : exec(tx, sql::address_bounces, spellings)) {
      history.bounces.push_back({.customer = row[0].as<std::string>(),
                                 .account = row[1].as<std::string>(),
                                 .active = row[2].as<bool>(),
                                 .email = row[3].as<std::string>(),
                                 .status = row[4].as<std::string>(),
                                 .reason = row[5].as<std::string>(),
                                 .bounce_class = classify::BounceClass{row[6].as<std::int16_t>()},
                                 .nth = row[7].as<int>(),
                                 .again_after = get<std::string>(row[8]),
                                 .bounced_at = get<std::string>(row[9]),
                                 .first_seen_at = row[10].as<std::string>(),
                                 .last_seen_at = row[11].as<std::string>(),
                                 .gone_at = get<std::string>(row[12]),
                                 .gone_because = get<std::string>(row[13])});
    }
    for (const auto& row : exec(tx, sql::address_requests, spellings)) {
      history.requests.push_back({.id = row[0].as<std::int64_t>(),
                                  .customer = row[1].as<std::string>(),
                                  .email = row[2].as<std::string>(),
                                  .state = row[3].as<std::string>(),
                                  .outcome = get<std::string>(row[4]),
                                  .requested_by = row[5].as<std::string>(),
                                  .note = get<std::string>(row[6]),
                                  .last_error = get<std::string>(row[7]),
                                  .requested_at = row[8].as<std::string>(),
                                  .finished_at = get<std::string>(row[9])});
    }
    return history;
  });
}

}  // namespace bounced::db
