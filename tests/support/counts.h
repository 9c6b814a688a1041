// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bounced::test {

// In what the counts of the database's views differ from a count of the mirror's own rows: before what has changed is
// added up, and after it. Empty: in nothing. The superuser's URL.
std::string differences_of_counts(const std::string& url);

// For the end of a test: fails it where there are any. A database that the test has taken away, or that never got a
// schema, has nothing to compare.
void expect_right_counts(const std::string& url);

}  // namespace bounced::test
