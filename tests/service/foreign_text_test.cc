// SPDX-License-Identifier: Apache-2.0
// Names, errors and reasons come from outside: wherever they get to, they are data.
#include <boost/json.hpp>
#include <set>

#include "tests/service/service.h"

namespace bounced::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// Names that a configuration takes, and that do harm where they are not treated as data. FILE is made by those that
// run.
std::vector<std::string> names_that_run(const std::string& file) {
  return {"$(touch " + file + ")",
          "`touch " + file + "`",
          "x;touch " + file,
          "a&touch " + file + "|b",
          "$HOME",
          "~root",
          "glob*[a-z]?{b,c}",
          "two words@example.com",
          "q'uote@example.com",
          "d\"quote@example.com",
          "back\\slash\\n@example.com",
          "exclam!x",
          "<script>alert(1)</script>",
          "%s%n${IFS}",
          "plain@example.com"};
}

// What a terminal would obey or not show, each in a name of its own.
const std::vector<std::string>& hidden_characters() {
  static const std::vector<std::string> hidden{
      "\x1b[31m",     "\x7f",     "\r",           "\n",           "\xc2\x9b[",       "\xe2\x80\xae",
      "\xe2\x81\xa6", "\xd8\x9c", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xf3\xa0\x81\x81"};
  return hidden;
}

class ForeignText : public Service {
 protected:
  ForeignText() {
    std::string customers;
    for (const std::string& name : names_that_run(made())) {
      api.add_customer(name);
      customers += (customers.empty() ? "" : ", ") + boost::json::serialize(boost::json::value(name));
    }
    configure({.customers = "[" + customers + "]"});
    EXPECT_THAT(run({"sync"}), ended_with(0));
  }
  std::string made() const { return (dir.path() / "made").string(); }

  // Adds customers of whom nothing should be shown as it is: in their names, errors, accounts and requests.
  void add_hidden() const {
    int count = 0;
    for (const std::string& hidden : hidden_characters()) {
      const std::string name = fmt::format("hidden{}{}end", ++count, hidden);
      execute(
          url(),
          fmt::format("insert into bounced.customers (name, account, time_zone, poll_every, full_every, recent_days, "
                      "failures, last_error, last_error_at) "
                      "values ('{0}', 'main', 'UTC', '1h', '1d', 0, 100, 'refused: {0}', now());"
                      "insert into bounced.deletion_requests (customer, email, note) "
                      "values ('{0}', 'x@example.org', '{0}');"
                      "update bounced.accounts set paused_until = now() + interval '1h', "
                      "paused_because = coalesce(paused_because, '') || '{0}'",
                      name));
    }
  }
  static void expect_nothing_hidden(const std::string& text) {
    for (const std::string& hidden : hidden_characters()) {
      if (hidden == "\n") continue;
      EXPECT_THAT(text, Not(HasSubstr(hidden)));
    }
  }
  // The words that Tab puts after WORD, as bash reads them.
  std::set<std::string> completed(const std::string& word) const {
    const std::string script =
        ". " BOUNCED_COMPLETION
        "; COMP_WORDS=(bounced --config \"$1\" sync \"$2\") COMP_CWORD=4; _bounced bounced \"$2\" sync;"
        "for reply in \"${COMPREPLY[@]}\"; do eval \"words=($reply)\"; printf '%s:%s\\0' \"${#words[@]}\" \"$words\"; "
        "done";
    const std::string folder = std::filesystem::path(BOUNCED_PROGRAM).parent_path().string();
    Process bash({"bash", "--norc", "-c", script, "bash", config_file(), word},
                 {.environment = {{"PATH", folder + ":/usr/bin:/bin"}}, .user = {}, .folder = dir.path()});
    EXPECT_EQ(bash.wait(), 0) << bash.stderr_text();
    EXPECT_EQ(bash.stderr_text(), "");
    std::set<std::string> words;
    const std::string out = bash.stdout_text();
    for (std::size_t begin = 0, end; (end = out.find('\0', begin)) != out.npos; begin = end + 1) {
      const std::string reply = out.substr(begin, end - begin);
      EXPECT_TRUE(reply.starts_with("1:")) << reply;
      words.insert(reply.substr(2));
    }
    return words;
  }
};

TEST_F(ForeignText, IsNeitherRunNorBrokenByTheTabKey) {
  add_hidden();
  const auto names = names_that_run(made());
  EXPECT_EQ(completed(""), std::set<std::string>(names.begin(), names.end()));
  EXPECT_EQ(completed("two\\ w"), std::set<std::string>{"two words@example.com"});
  EXPECT_EQ(completed("\\$\\(t"), std::set<std::string>{"$(touch " + made() + ")"});
  EXPECT_EQ(completed("$(touch /"), std::set<std::string>{"$(touch " + made() + ")"});
  EXPECT_FALSE(std::filesystem::exists(made()));
}

TEST_F(ForeignText, IsCompletedWithinQuotes) {
  // As bash calls it: the quote belongs to the line, and not to what is put in.
  const std::string script =
      ". " BOUNCED_COMPLETION
      "; COMP_WORDS=(bounced --config \"$1\" sync \"$2\") COMP_CWORD=4; _bounced bounced \"${2:1}\" sync;"
      "printf '%s' \"${COMPREPLY[@]}\"";
  const std::string folder = std::filesystem::path(BOUNCED_PROGRAM).parent_path().string();
  const auto reply = [&](const std::string& word) {
    Process bash({"bash", "--norc", "-c", script, "bash", config_file(), word},
                 {.environment = {{"PATH", folder + ":/usr/bin:/bin"}}, .user = {}, .folder = dir.path()});
    EXPECT_EQ(bash.wait(), 0) << bash.stderr_text();
    return bash.stdout_text();
  };
  EXPECT_EQ(reply("\"$(t"), "\\$(touch " + made() + ")");
  EXPECT_EQ(reply("'$(t"), "$(touch " + made() + ")");
  EXPECT_EQ(reply("'q"), "q'\\''uote@example.com");
  EXPECT_EQ(reply("\"d"), "d\\\"quote@example.com");
  EXPECT_EQ(reply("\"exc"), "");  // of which the shell's history would make something else
  EXPECT_FALSE(std::filesystem::exists(made()));
}

TEST_F(ForeignText, IsEscapedInJson) {
  add_hidden();
  const Ended status = run({"status", "--json"});
  ASSERT_THAT(status, ended_with(0));
  expect_nothing_hidden(status.out);
  EXPECT_EQ(std::ranges::count(status.out, '\n'), 1);
  const boost::json::value json = boost::json::parse(status.out);
  std::set<std::string> names;
  for (const auto& customer : json.at("customers").as_array()) {
    const std::string name(customer.at("name").as_string());
    names.insert(name);
    if (!name.starts_with("hidden")) continue;
    EXPECT_EQ(customer.at("last_error").as_string(), "refused: " + name);
  }
  // Every character is there for programs.
  for (const std::string& name : names_that_run(made())) EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_TRUE(names.contains("hidden1\x1b[31mend"));
  EXPECT_TRUE(
      names.contains("hidden11\xf3\xa0\x81\x81"
                     "end"));
}

TEST_F(ForeignText, DoesNothingToTheTerminal) {
  add_hidden();
  for (const auto& arguments : {std::vector<std::string>{"status"}, {"status", "--queue"}}) {
    const Ended status = run(arguments);
    EXPECT_THAT(status, ended_with(0));
    EXPECT_THAT(status.out, HasSubstr("hidden1?[31mend"));
    expect_nothing_hidden(status.out);
    for (const char* line : {"\nend", "\n31m"}) EXPECT_THAT(status.out, Not(HasSubstr(line)));
  }
}

TEST_F(ForeignText, OfAConfigurationAndACommandLineDoesNothingToTheTerminal) {
  const std::string turned = "turned\xe2\x80\xae@example.com";
  configure({.customers = "[\"" + turned + "\"]"});
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"check"}, {"sync"}, {"sync", "other\x1b[31m\xd8\x9c"}, {"walk\x1b[31m"}}) {
    const Ended ended = run(arguments);
    EXPECT_NE(ended.code, 0);
    expect_nothing_hidden(ended.out);
    expect_nothing_hidden(ended.err);
  }
  configure({.customers = "[\"" + turned + "\"]", .log = "{level: debug, format: json}"});
  const Ended logged = run({"sync"});
  expect_nothing_hidden(logged.err);
  EXPECT_THAT(logged.err, HasSubstr("turned\\u202e@example.com"));
}

TEST_F(ForeignText, IsQuotedInCommandsForPeople) {
  std::filesystem::rename(config_file(), dir.path() / "a $(b).yaml");
  Process run_it({BOUNCED_PROGRAM, "run", "--no-migrate", "--config", (dir.path() / "a $(b).yaml").string()});
  execute(url(), "drop schema bounced cascade");
  const Ended ended = end(run_it);
  EXPECT_THAT(ended.err, HasSubstr("run: bounced migrate --config '" + (dir.path() / "a $(b).yaml").string() + "'"));
}

}  // namespace
}  // namespace bounced::test
