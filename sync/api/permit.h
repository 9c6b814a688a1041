// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>

namespace bounced::api {

// Leave to make one call, held from right before it until it has ended, also by a fault. Null where nobody counts.
using Permit = std::shared_ptr<void>;

// Called before each request, the first one too. What it throws passes through. None: nobody counts.
using Admit = std::function<boost::asio::awaitable<Permit>()>;

inline boost::asio::awaitable<Permit> admitted(const Admit& admit) {
  if (!admit) co_return nullptr;
  co_return co_await admit();
}

}  // namespace bounced::api
