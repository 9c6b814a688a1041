// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

#include "tests/simulator/simulator.h"

// Answers that are not the list that was asked for, as the API and what stands before it give them.
namespace bounced::simulator {

// The page of a proxy or a firewall: 200 (a login, a notice), 302 (to a login elsewhere), 403, 404, 502, 503.
Answer foreign_page(int status);
// 429, in the words of the API that was called.
Answer too_many_requests(const Call& call, std::optional<std::chrono::seconds> retry_after);
// 401: the API does not know the key, or says so.
Answer wrong_credentials(const Call& call);
// 403: the key may not do this.
Answer forbidden(const Call& call);

}  // namespace bounced::simulator
