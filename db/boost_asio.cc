// SPDX-License-Identifier: Apache-2.0
// Asio in its separate-compilation form.
#include <boost/asio/impl/src.hpp>
