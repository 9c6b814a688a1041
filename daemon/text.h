// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// How things are written for people.
namespace bounced::daemon {

// Names, addresses, reasons and errors come from outside. Whatever of them goes to a terminal, a log or the service
// manager passes through one of these two.

// Foreign text as one line that does nothing to a terminal: what it would obey or not show (api::is_hidden) and what is
// not UTF-8 become "?".
std::string printable(std::string_view text);

// Serialized JSON in which the same characters are escapes, so that programs still get every character. What is not
// UTF-8 becomes U+FFFD.
std::string escaped_json(std::string_view json);

// A value of key=value: in quotes where it has blanks, quotes or nothing in it.
std::string as_value(std::string_view text);

// "42s", "3m", "5h", "2d": the largest unit that there are two of.
std::string age(double seconds);

// "2024-05-06 07:08:09" in the machine's time zone, of seconds since 1970.
std::string local_time(std::int64_t time);

// "1,234,567"
std::string grouped(std::uint64_t number);

// "1 customer", "2 customers"
std::string counted(std::uint64_t number, std::string_view noun);

// Cut to so many characters, with "…" at the end where something was cut off.
std::string shortened(std::string_view text, std::size_t width);

// Foreign text as indented lines of at most `width` characters, broken at blanks where there are some.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent);

// Rows in aligned columns, the first of them the head. The last column, which may be long, is cut so that a line has
// at most `width` characters.
std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t width = 100);

}  // namespace bounced::daemon
