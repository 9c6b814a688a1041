// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "db/status.h"

namespace bounced::daemon {

// null where it is none.
boost::json::value parsed_json(const std::string& json);

// What there is to say about a daemon: what it has in flight, and the oldest of that; what went wrong.
std::vector<std::string> remarks_on(const db::DaemonStatus& daemon);

}  // namespace bounced::daemon
