// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "sync/api/client.h"

namespace bounced::api {

// SendGrid's v2: reseller.manage, a customer's bounces.
std::unique_ptr<Client> make_v2_client(const boost::asio::any_io_executor& executor, const config::Account& account,
                                       const Deadlines& deadlines);

}  // namespace bounced::api
