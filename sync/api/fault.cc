// SPDX-License-Identifier: Apache-2.0
#include "sync/api/fault.h"

namespace bounced::api {

const char* name(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::credentials:
      return "credentials";
    case Fault::Kind::not_permitted:
      return "not_permitted";
    case Fault::Kind::rate_limited:
      return "rate_limited";
    case Fault::Kind::unavailable:
      return "unavailable";
    case Fault::Kind::refused:
      return "refused";
    case Fault::Kind::not_understood:
      return "not_understood";
  }
  return "unknown";
}

const char* name(Fault::Origin origin) {
  switch (origin) {
    case Fault::Origin::api:
      return "the API";
    case Fault::Origin::between:
      return "something between";
    case Fault::Origin::network:
      return "the network";
    case Fault::Origin::ours:
      return "our own limits";
  }
  return "unknown";
}

}  // namespace bounced::api
