// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "sync/api/client.h"

namespace bounced::api {

// SendGrid's v3: /v3/suppression/bounces and /v3/subusers. A customer is a subuser, named in the header on-behalf-of;
// an empty name means the account's own list. Long lists are read by up to `concurrency` requests at once.
std::unique_ptr<Client> make_v3_client(const boost::asio::any_io_executor& executor, const config::Account& account,
                                       const Deadlines& deadlines);

}  // namespace bounced::api
