// SPDX-License-Identifier: Apache-2.0
#include "classify/classifier.h"

namespace bounced::classify {

std::string_view name_of(BounceClass bounce_class) {
  switch (bounce_class) {
    case BounceClass::unclassified:
      return "Unclassified";
    case BounceClass::invalid_address:
      return "Invalid Address";
    case BounceClass::mailbox_unavailable:
      return "Mailbox Unavailable";
    case BounceClass::technical_failure:
      return "Technical Failure";
    case BounceClass::content:
      return "Content";
    case BounceClass::reputation:
      return "Reputation";
    case BounceClass::frequency_or_volume:
      return "Frequency or Volume";
  }
  return "Unclassified";  // a number of another version, from a database
}

std::string_view explain(BounceClass bounce_class) {
  switch (bounce_class) {
    case BounceClass::unclassified:
      break;
    case BounceClass::invalid_address:
      return "The address or its domain does not exist: do not send to it again.";
    case BounceClass::mailbox_unavailable:
      return "The mailbox is full, switched off, or refuses this mail: send again in some days, and stop if it bounces "
             "again.";
    case BounceClass::technical_failure:
      return "A server or the network had a fault: the address may be good, and you may send again.";
    case BounceClass::content:
      return "The message was refused for what it contains: change it before you send again.";
    case BounceClass::reputation:
      return "The receiver does not trust the sender, or a policy forbids the mail: the address may be good; fix "
             "authentication and block lists before you send again.";
    case BounceClass::frequency_or_volume:
      return "Too much mail came too fast: the address may be good; send again, more slowly.";
  }
  return "The reply does not say why: read it before you send again.";
}

}  // namespace bounced::classify
