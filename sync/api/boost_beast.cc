// SPDX-License-Identifier: Apache-2.0
// Asio's TLS part and Beast in their separate-compilation forms.
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
