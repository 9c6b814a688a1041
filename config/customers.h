// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace bounced::config {

struct Place {
  std::string file;
  int line = 0;
};

// Where each customer stands: a name is unique over all accounts.
using CustomerPlaces = std::unordered_map<std::string, Place>;

// Reads `every`, `full_every` and `recent_days`, on top of what holds one level above.
Schedule read_schedule(Section& section, const Schedule& inherited);

// Reads an account's `customers` and `customers_file`. There must be a customer, unless the file says `customers: []`
// or `customers: all`: a customers file that came out empty is an accident, and would stop the polling of all that were
// in it.
void read_customers(Section& section, Account& account, CustomerPlaces& places, Report& report);

}  // namespace bounced::config
