// SPDX-License-Identifier: Apache-2.0
#include "sync/api/client.h"

#include "sync/api/v2_client.h"
#include "sync/api/v3_client.h"

namespace bounced::api {

std::unique_ptr<Client> make_client(const boost::asio::any_io_executor& executor, const config::Account& account,
                                    const Deadlines& deadlines) {
  return account.api == config::Api::v3 ? make_v3_client(executor, account, deadlines)
                                        : make_v2_client(executor, account, deadlines);
}

}  // namespace bounced::api
