// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "db/errors.h"
#include "sync/backoff.h"
#include "sync/events.h"

namespace bounced::sync {

// How one loop fares with a database that fails it: how long to wait before the next try, and a word to the observer
// when statements are refused, and when they are not any more. An absence of the database is told by the schedule
// alone.
class DatabaseTrouble {
 public:
  DatabaseTrouble(Observer& observer, std::string loop) : observer_(observer), loop_(std::move(loop)) {}

  // Of an error for which db::is_database_fault() is true. Returns how long to wait.
  Seconds failed(const std::exception& error) {
    const Seconds delay = database_retry.delay(++failures_);
    if (!db::is_absence(error)) {
      refused_ = true;
      observer_.on(WorkRefused{loop_, error.what(), delay});
    }
    return delay;
  }

  // Returns how often it had failed in a row.
  int well() {
    if (std::exchange(refused_, false)) observer_.on(WorkAccepted{loop_});
    return std::exchange(failures_, 0);
  }

 private:
  Observer& observer_;
  std::string loop_;
  int failures_ = 0;  // in a row
  bool refused_ = false;
};

}  // namespace bounced::sync
