// SPDX-License-Identifier: Apache-2.0
#include "sync/api/parse/paging.h"

#include <gmock/gmock.h>

namespace bounced::api {
namespace {

TEST(PageLinks, AreReadFromTheHeader) {
  const PageLinks links = read_page_links(
      "<https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=500>; rel=\"next\"; title=\"2\", "
      "<https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=0>; rel=\"prev\"; title=\"1\", "
      "<https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=1500>; rel=\"last\"; "
      "title=\"4\", <https://api.sendgrid.com/v3/suppression/bounces?limit=500&offset=0>; "
      "rel=\"first\"; title=\"1\"");
  EXPECT_EQ(links.next, 500U);
  EXPECT_EQ(links.last, 1500U);
  EXPECT_EQ(read_page_links("<?offset=7&limit=500>; rel=last").last, 7U);
  EXPECT_EQ(read_page_links("<?offset=7&limit=500>; rel=last").next, std::nullopt);
}

TEST(PageLinks, SayNothingWhereTheHeaderDoesNot) {
  for (const char* link : {"", "<", "<>", "<?offset=1>", "<?offset=1>; rel=\"prev\"", "<?limit=5>; rel=\"last\"",
                           "<?offset=>; rel=\"last\"", "<?offset=-1>; rel=\"next\"", "<?my_offset=5>; rel=\"last\"",
                           "?offset=5; rel=\"last\"", "<?offset=99999999999999999999999>; rel=\"last\""}) {
    EXPECT_EQ(read_page_links(link).last, std::nullopt) << link;
    EXPECT_EQ(read_page_links(link).next, std::nullopt) << link;
  }
}

}  // namespace
}  // namespace bounced::api
