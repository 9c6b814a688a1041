// SPDX-License-Identifier: Apache-2.0
// Answers that SendGrid's own API gave and texts that real mail servers wrote, through the whole program; what then
// stands in the database is compared with what PostgreSQL's own JSON functions read in the files.
#include <fstream>
#include <sstream>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

namespace fs = std::filesystem;
using simulator::Gzip;

const fs::path real = BOUNCED_REAL_INPUT;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// An SQL literal.
std::string quoted(const std::string& text) {
  return "$json_of_the_test$" + text + "$json_of_the_test$";
}

class RealInput : public Service {
 protected:
  void SetUp() override {
    if (!fs::exists(real))
      GTEST_SKIP() << "only the maintainers have recorded lists of the real API, in " << real.lexically_normal();
  }

  // The files' JSON, as a list of a customer; as XML by way of PostgreSQL's own functions.
  std::string as_xml(const std::string& json) const {
    return "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n" +
           value(
               "select xmlelement(name bounces, xmlagg(xmlelement(name bounce, xmlelement(name email, e->>'email'), "
               "xmlelement(name status, e->>'status'), xmlelement(name reason, e->>'reason'), "
               "xmlelement(name created, e->>'created')))) from json_array_elements(" +
               quoted(json) + ") e");
  }

  // Serves each list as JSON and XML, plain and gzip, each as a customer of its own, and syncs them all.
  void serve(const std::map<std::string, std::string>& lists) {
    std::string names[2];
    for (const auto& [name, json] : lists) {
      for (const std::string format : {"json", "xml"}) {
        for (const Gzip gzip : {Gzip::never, Gzip::always}) {
          const std::string customer = fmt::format("{}.{}.{}", name, format, gzip == Gzip::never ? "plain" : "gzip");
          api.add_customer(customer);
          api.answer({.customer = customer}, {.body = format == "json" ? json : as_xml(json), .gzip = gzip}, 0);
          names[format == "xml"] += customer + ", ";
        }
      }
    }
    configure({.customers = "[" + names[0] + "]",
               .account = fmt::format("\n  - name: xml\n    format: xml\n    user: user\n    key: {{file: main.key}}\n"
                                      "    base_url: {}\n    ca_file: {}\n    time_zone: UTC\n    customers: [{}]",
                                      api.base_url(), api.ca_file(), names[1])});
    EXPECT_THAT(run({"sync"}), ended_with(0));
  }

  // Control characters count as blanks: XML cannot hold them, and both formats are to give the same text.
  // How many entries of the file the customer's rows do not agree with, or lack, and how many rows it has besides.
  std::string differences(const std::string& customer, const std::string& json) const {
    return value(
        "select count(*) from (select btrim(e->>'email'), btrim(regexp_replace(e->>'status', '[\\s\\x01-\\x1f]+', ' ', "
        "'g')), "
        "btrim(regexp_replace(e->>'reason', '[\\s\\x01-\\x1f]+', ' ', 'g')), (e->>'created')::timestamp at time zone "
        "'UTC' "
        "from json_array_elements(" +
        quoted(json) + ") e) f (email, status, reason, bounced_at) full join (select * from bounced.current_bounces " +
        "where customer = '" + customer +
        "') b using (email, status, reason, bounced_at) where f.email is null or b.email is null or "
        "b.bounce_id is null");
  }

  void expect_equal_and_stable(const std::map<std::string, std::string>& lists) {
    serve(lists);
    for (const auto& [name, json] : lists) {
      const std::string entries = value("select json_array_length(" + quoted(json) + ")");
      for (const std::string way : {"json.plain", "json.gzip", "xml.plain", "xml.gzip"}) {
        const std::string customer = name + "." + way;
        EXPECT_EQ(differences(customer, json), "0") << customer;
        EXPECT_EQ(value("select count(*) from bounced.bounces where customer = '" + customer + "'"), entries);
      }
    }
    const std::string before = value("select string_agg(m::text, ',' order by bounce_id) from bounced.mirror m");
    EXPECT_THAT(run({"sync"}), ended_with(0));
    EXPECT_EQ(value("select string_agg(m::text, ',' order by bounce_id) from bounced.mirror m"), before);
    EXPECT_EQ(value("select count(*) from bounced.polls"), std::to_string(4 * lists.size()));
  }
};

TEST_F(RealInput, AnswersOfTheRealApi) {
  std::map<std::string, std::string> lists;
  for (const auto& entry : fs::directory_iterator(real / "lists")) {
    lists[entry.path().stem().string()] = text_of(entry.path());
  }
  ASSERT_FALSE(lists.empty());
  expect_equal_and_stable(lists);
}

TEST_F(RealInput, TextsOfRealMailServers) {
  const std::string replies = text_of(real / "replies.json");
  const std::string list = value(
      "select json_agg(json_build_object('email', format('r%s@example.com', i), 'status', e->>'status', "
      "'reason', e->>'reason', 'created', '2024-01-02 03:04:05'::timestamp + i * interval '1 min')) "
      "from json_array_elements(" +
      quoted(replies) + ") with ordinality as of (e, i)");
  // PostgreSQL writes JSON's times with a T between date and time, the API with a blank.
  const std::string as_the_api =
      value("select regexp_replace(" + quoted(list) + ", '(\"2024-\\d\\d-\\d\\d)T', '\\1 ', 'g')");
  expect_equal_and_stable({{"replies", as_the_api}});
  EXPECT_EQ(value("select count(distinct email) from bounced.bounces"), "297");
}

}  // namespace
}  // namespace bounced::test
