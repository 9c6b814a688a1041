// SPDX-License-Identifier: Apache-2.0
// Real replies with the class that a reader gave them, where they are at hand.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "classify/classifier.h"

namespace bounced::classify {
namespace {

struct Labelled {
  std::string status;
  std::string reason;
  std::string name;   // of the class
  bool sure = false;  // anybody would agree
};

std::vector<Labelled> read_labelled(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  std::vector<Labelled> result;
  const boost::json::value document = boost::json::parse(text.str());
  for (const auto& entry : document.as_array()) {
    const auto& object = entry.as_object();
    const auto* status = object.if_contains("status");
    result.push_back({status == nullptr ? "" : status->as_string().c_str(), object.at("reason").as_string().c_str(),
                      object.at("class").as_string().c_str(), object.at("sure").as_int64() == 2});
  }
  return result;
}

class Table {
 public:
  void add(const Labelled& labelled, const Classifier::Verdict& verdict) {
    const bool right = name_of(verdict.bounce_class) == labelled.name;
    ++all_;
    all_right_ += right ? 1 : 0;
    sure_ += labelled.sure ? 1 : 0;
    sure_right_ += right && labelled.sure ? 1 : 0;
    for (const BounceClass wanted : all_classes) {
      if (name_of(wanted) == labelled.name) ++counts_.at(index(wanted)).at(index(verdict.bounce_class));
    }
    if (!right) {
      misses_ += fmt::format("{}, not {} (by {}: {}): {}\n", labelled.name, name_of(verdict.bounce_class), verdict.rule,
                             verdict.phrase, labelled.reason);
    }
  }

  void print() const {
    std::cout << fmt::format("{:20}", "a reader \\ the rules");
    for (const BounceClass found : all_classes) std::cout << fmt::format("{:>12.10}", name_of(found));
    for (const BounceClass wanted : all_classes) {
      std::cout << fmt::format("\n{:20}", name_of(wanted));
      for (const BounceClass found : all_classes) {
        std::cout << fmt::format("{:12}", counts_.at(index(wanted)).at(index(found)));
      }
    }
    std::cout << fmt::format("\n{} of {} right, {} of the {} that are sure\n{}", all_right_, all_, sure_right_, sure_,
                             misses_);
  }

  [[nodiscard]] double all() const { return static_cast<double>(all_right_) / all_; }
  [[nodiscard]] double sure() const { return static_cast<double>(sure_right_) / sure_; }

 private:
  static std::size_t index(BounceClass bounce_class) { return static_cast<std::size_t>(bounce_class); }

  std::array<std::array<int, std::size(all_classes)>, std::size(all_classes)> counts_{};
  int all_ = 0;
  int all_right_ = 0;
  int sure_ = 0;
  int sure_right_ = 0;
  std::string misses_;
};

TEST(RealReplies, AreClassifiedAsAReaderDoes) {
  const std::filesystem::path file = std::filesystem::path(BOUNCED_REAL_INPUT) / "classes.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "only the maintainers have labelled replies, in " << file;
  const Classifier classifier;
  Table table;
  for (const Labelled& labelled : read_labelled(file)) {
    table.add(labelled, classifier.why(labelled.status, labelled.reason));
  }
  table.print();
  EXPECT_GE(table.sure(), 0.93);
  EXPECT_GE(table.all(), 0.88);
}

}  // namespace
}  // namespace bounced::classify
