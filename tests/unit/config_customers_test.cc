// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/unit/config_files.h"

namespace bounced::config {
namespace {

using test::is_problem;
using test::least;
using testing::ElementsAre;

class Customers : public test::ConfigFiles {
 protected:
  static std::string account_with(const std::string& lines) {
    return "accounts:\n  - name: main\n    user: x\n    key: {file: main.key}\n" + lines;
  }

  std::vector<std::string> names(const std::string& yaml) const {
    std::vector<std::string> found;
    const Config config = load(yaml);
    for (const Customer& customer : config.accounts.at(0).customers) found.push_back(customer.name);
    return found;
  }

  auto in_customers_file(int line, const std::string& piece) const {
    return testing::AllOf(testing::Field("file", &Problem::file, (dir() / "customers.txt").string()),
                          testing::Field("line", &Problem::line, line),
                          testing::Field("key", &Problem::key, "accounts[0].customers_file"),
                          testing::Field("message", &Problem::message, testing::HasSubstr(piece)));
  }

  const std::string file_only = account_with("    customers_file: customers.txt\n");
};

TEST_F(Customers, AreReadFromTheFileBesideTheConfiguration) {
  write("customers.txt",
        "\xEF\xBB\xBF"
        "first@example.com\r\n"
        "# a comment\n"
        "\n"
        "  second@example.com  # the second\n"
        "third#3@example.com\n"
        "\t# indented\n"
        "zoë last");
  EXPECT_THAT(names(account_with("    customers: [zero]\n    customers_file: customers.txt\n")),
              ElementsAre("zero", "first@example.com", "second@example.com", "third#3@example.com", "zoë last"));
}

TEST_F(Customers, OfTheFileHaveTheAccountsSchedule) {
  write("customers.txt", "a\n");
  EXPECT_EQ(load(file_only + "    every: 17m\n").accounts[0].customers[0].schedule.every, std::chrono::minutes(17));
}

TEST_F(Customers, ProblemsOfTheFileNameItAndItsLine) {
  write("customers.txt", "a\nb\x01\n\na\n" + std::string(1001, 'x') + "\nfine\n");
  EXPECT_THAT(problems(file_only), ElementsAre(in_customers_file(2, "control character")));
  write("customers.txt", "a\nb\tc\n\na\n" + std::string(1001, 'x') + "\nfine\n\xC2\xA0\n");
  EXPECT_THAT(problems(file_only),
              ElementsAre(in_customers_file(2, "control character"),
                          in_customers_file(4, "\"a\" is listed before, in " + (dir() / "customers.txt:1").string()),
                          in_customers_file(5, "1,000 bytes"), in_customers_file(7, "is blank")));
  write("customers.txt", "a\n\xE9\n");
  EXPECT_THAT(problems(file_only), ElementsAre(in_customers_file(2, "is not UTF-8")));
}

TEST_F(Customers, AFileThatCannotBeReadIsNamed) {
  EXPECT_THAT(problems(file_only),
              ElementsAre(is_problem(5, "accounts[0].customers_file", "customers.txt does not exist")));
  EXPECT_THAT(problems(account_with("    customers_file: .\n")),
              ElementsAre(is_problem(5, "accounts[0].customers_file", "is a folder")));
  EXPECT_THAT(problems(account_with("    customers_file:\n")),
              ElementsAre(is_problem(5, "accounts[0].customers_file", "has no value")));
}

TEST_F(Customers, NoneMustBeMeant) {
  EXPECT_THAT(names(account_with("    customers: []\n")), ElementsAre());
  EXPECT_THAT(problems(account_with("")), ElementsAre(is_problem(2, "accounts[0].customers", "is missing")));
  EXPECT_THAT(problems(account_with("    customers:\n")),
              ElementsAre(is_problem(5, "accounts[0].customers", "must be a list")));
  write("customers.txt", "# none yet\n\n");
  EXPECT_THAT(problems(file_only), ElementsAre(in_customers_file(0, "names no customer")));
}

TEST_F(Customers, AreListedOnceOverAllAccountsAndFiles) {
  write("customers.txt", "\nfrom-file\none@example.com\n");
  EXPECT_THAT(problems(least + "    customers_file: customers.txt\n"
                               "  - name: second\n"
                               "    user: x\n"
                               "    key: {file: main.key}\n"
                               "    customers:\n"
                               "      - fine\n"
                               "      - one@example.com\n"
                               "      - {name: fine}\n"
                               "      - from-file\n"),
              ElementsAre(is_problem(13, "accounts[1].customers[1]", "/bounced.yaml:6; a customer is listed once"),
                          is_problem(14, "accounts[1].customers[2].name", "/bounced.yaml:12;"),
                          is_problem(15, "accounts[1].customers[3]", "/customers.txt:2;"),
                          in_customers_file(3, "/bounced.yaml:6;")));
}

TEST_F(Customers, ItemsThatAreNoneHaveTheirLine) {
  EXPECT_THAT(problems(account_with("    customers:\n"
                                    "      -\n"
                                    "\n"
                                    "      # why\n"
                                    "      - [a]\n"
                                    "      - ~\n"
                                    "      - {every: 1h}\n"
                                    "      - {name: }\n"
                                    "      - ''\n"
                                    "      - \"\\u3000\"\n"
                                    "      - \"a\\u0085b\"\n"
                                    "      -\n"
                                    "      -\n"
                                    "    every: 5m\n")),
              ElementsAre(is_problem(6, "accounts[0].customers[0]", "must be a customer's name"),
                          is_problem(9, "accounts[0].customers[1]", "must be a customer's name"),
                          is_problem(10, "accounts[0].customers[2]", "must be a customer's name"),
                          is_problem(11, "accounts[0].customers[3].name", "is missing"),
                          is_problem(12, "accounts[0].customers[4].name", "has no value"),
                          is_problem(13, "accounts[0].customers[5]", "is blank"),
                          is_problem(14, "accounts[0].customers[6]", "is blank"),
                          is_problem(15, "accounts[0].customers[7]", "control character"),
                          is_problem(16, "accounts[0].customers[8]", "must be a customer's name"),
                          is_problem(17, "accounts[0].customers[9]", "must be a customer's name")));
}

TEST_F(Customers, SchedulesAreCheckedAsTheyComeTogether) {
  EXPECT_THAT(
      problems("polling: {recent_days: 2}\n" +
               account_with("    customers:\n"
                            "      - {name: a, every: 25h}\n"
                            "      - {name: b, every: 3d, full_every: 30d}\n"
                            "      - {name: c, every: 3d, recent_days: 0}\n"
                            "      - {name: d, every: 2h, full_every: 1h, recent_days: 0}\n")),
      ElementsAre(is_problem(7, "accounts[0].customers[0].every", "full_every (1d) is shorter than every (25h)"),
                  is_problem(8, "accounts[0].customers[1].full_every", "every (3d) is longer than the 2 days"),
                  is_problem(10, "accounts[0].customers[3].full_every", "shorter")));
}

}  // namespace
}  // namespace bounced::config
