// SPDX-License-Identifier: Apache-2.0
#include "config/report.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace bounced::config {
namespace {

// A file of customers that is named twice has a problem in each of its lines, which nobody reads to the end.
constexpr std::size_t most_shown = 200;

std::string texts(const std::vector<Problem>& problems) {
  std::string text;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (i > 0) text += '\n';
    if (i == most_shown) return text + "and " + std::to_string(problems.size() - i) + " problems more";
    text += problems[i].text();
  }
  return text;
}

}  // namespace

std::string Problem::text() const {
  std::string text = file;
  if (line > 0) text += ':' + std::to_string(line);
  text += ": ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

Invalid::Invalid(std::vector<Problem> problems) : std::runtime_error(texts(problems)), problems_(std::move(problems)) {}

void Report::raise() {
  const auto place = [this](const Problem& problem) {
    return std::make_tuple(problem.file != main_file_, std::cref(problem.file), problem.line);
  };
  std::stable_sort(problems_.begin(), problems_.end(),
                   [&](const Problem& a, const Problem& b) { return place(a) < place(b); });
  throw Invalid(std::move(problems_));
}

}  // namespace bounced::config
