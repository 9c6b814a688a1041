// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/paging.h"

#include <gmock/gmock.h>

namespace bounced::api {
namespace {

TEST(LastOffset, IsReadFromTheLinkThatIsTheLast) {
  EXPECT_EQ(
      last_offset("<https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=500>; rel=\"next\"; title=\"2\", "
                  "<https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=0>; rel=\"prev\"; title=\"1\", "
                  "<https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=1500>; rel=\"last\"; "
                  "title=\"4\", <https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=0>; "
                  "rel=\"first\"; title=\"1\""),
      1500U);
  EXPECT_EQ(last_offset("<?offset=7&limit=500>; rel=last"), 7U);
}

TEST(LastOffset, SaysNothingWhereTheHeaderDoesNot) {
  for (const char* link : {"", "<", "<>", "<?offset=1>", "<?offset=1>; rel=\"next\"", "<?limit=5>; rel=\"last\"",
                           "<?offset=>; rel=\"last\"", "<?offset=-1>; rel=\"last\"", "<?my_offset=5>; rel=\"last\"",
                           "?offset=5; rel=\"last\"", "<?offset=99999999999999999999999>; rel=\"last\""}) {
    EXPECT_EQ(last_offset(link), std::nullopt) << link;
  }
}

}  // namespace
}  // namespace bounced::api
