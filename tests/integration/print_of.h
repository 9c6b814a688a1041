// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "db/list_print.h"

namespace bounced::db {

inline std::string print_of(const std::vector<ListedBounce>& list) {
  EntryPrinter print_of_entry;
  ListPrint print;
  for (const ListedBounce& bounce : list) print += print_of_entry(bounce);
  return print.text();
}

}  // namespace bounced::db
