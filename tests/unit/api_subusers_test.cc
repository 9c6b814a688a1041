// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/subusers.h"

#include <gmock/gmock.h>

namespace bounced::api {
namespace {

TEST(Subusers, AreReadWithWhetherTheyAreDisabled) {
  const auto subusers = read_subusers(
      R"([{"id":1,"username":"a@example.com","email":"x@example.org","disabled":false,"region":"eu"},
          {"username":"bé","disabled":true},{"username":"c"}])");
  EXPECT_THAT(subusers.value(),
              testing::ElementsAre(Subuser{"a@example.com", false}, Subuser{"b\u00e9", true}, Subuser{"c", false}));
  EXPECT_THAT(read_subusers("[]").value(), testing::IsEmpty());
}

TEST(Subusers, AnOddNameIsLeftOutAndVoidsNoOther) {
  const auto subusers = read_subusers(R"([{"username":"a\r\nX: y"},{"username":""},{"username":"b"}])").value();
  EXPECT_TRUE(subusers.at(0).unusable);
  EXPECT_TRUE(subusers.at(1).unusable);
  EXPECT_FALSE(subusers.at(2).unusable);
}

// A list that is not understood in part would take customers away.
TEST(Subusers, AnythingElseIsNoListOfThem) {
  for (const char* body :
       {"", "{}", "null", "[", "[1]", "[{}]", R"([{"username":7}])", R"([{"username":"a"},{"id":2}])",
        R"([{"username":"a"}] more)", R"({"errors":[{"field":null,"message":"access forbidden"}]})", "<html></html>"}) {
    EXPECT_EQ(read_subusers(body), std::nullopt) << body;
  }
}

}  // namespace
}  // namespace bounced::api
