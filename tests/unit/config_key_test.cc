// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/unit/config_files.h"

namespace bounced::config {
namespace {

using test::is_problem;
using testing::ElementsAre;

// Sets an environment variable, or unsets it, while the test runs.
class Variable {
 public:
  Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    if (value) {
      ::setenv(name_, value->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::optional<std::string> before_;
};

class Key : public test::ConfigFiles {
 protected:
  static std::string with(const std::string& key) {
    return "accounts:\n  - name: main\n    user: x\n    customers: [c]\n    key: " + key + "\n";
  }
  Account account(const std::string& key, const LoadOptions& options = {}) const {
    return load(with(key), options).accounts.at(0);
  }
};

TEST_F(Key, IsReadFromAFileWithoutTheEndOfItsLine) {
  for (const char* end : {"", "\n", "\r\n", "\n\n"}) {
    write_key("k", std::string("abc+/=é") + end);
    EXPECT_EQ(account("{file: k}").key, Secret("abc+/=é"));
  }
  EXPECT_EQ(account("{file: " + (dir() / "k").string() + "}").key, Secret("abc+/=é"));
}

TEST_F(Key, IsReadFromTheEnvironment) {
  const Variable variable("BOUNCED_TEST_KEY", "from-env");
  const Account read = account("{env: BOUNCED_TEST_KEY}");
  EXPECT_EQ(read.key, Secret("from-env"));
  EXPECT_EQ(std::get<KeyVariable>(read.key_source).name, "BOUNCED_TEST_KEY");
}

TEST_F(Key, IsReadFromACredential) {
  const Variable variable("CREDENTIALS_DIRECTORY", dir().string());
  write("main", "from-systemd\n");
  const Account read = account("{credential: main}");
  EXPECT_EQ(read.key, Secret("from-systemd"));
  EXPECT_EQ(std::get<KeyCredential>(read.key_source).name, "main");
}

TEST_F(Key, OfACredentialMayBeAbsentOutsideTheUnitOnly) {
  const LoadOptions outside{.credentials_may_be_absent = true};
  {
    const Variable variable("CREDENTIALS_DIRECTORY", std::nullopt);
    const Account read = account("{credential: main}", outside);
    EXPECT_EQ(read.key, std::nullopt);
    EXPECT_EQ(std::get<KeyCredential>(read.key_source).name, "main");
    EXPECT_THAT(problems(with("{credential: main}")),
                ElementsAre(is_problem(5, "accounts[0].key.credential", "only inside a systemd unit")));
    EXPECT_THAT(problems(with("{credential: a/b}"), outside),
                ElementsAre(is_problem(5, "accounts[0].key.credential", "is a path")));
  }
  const Variable variable("CREDENTIALS_DIRECTORY", dir().string());
  EXPECT_THAT(problems(with("{credential: main}"), outside),
              ElementsAre(is_problem(5, "accounts[0].key.credential", "the credential does not exist")));
}

TEST_F(Key, IsLeftAloneWhereNobodyNeedsIt) {
  const LoadOptions unread{.keys_unread = true};
  for (const char* key : {"{file: none.key}", "{credential: none}", "{env: BOUNCED_TEST_NONE}"}) {
    EXPECT_EQ(account(key, unread).key, std::nullopt) << key;
  }
  EXPECT_THAT(problems(with(std::string(test::secret)), unread),
              ElementsAre(is_problem(5, "accounts[0].key", "never written")));
}

TEST_F(Key, CredentialsAreNames) {
  const Variable variable("CREDENTIALS_DIRECTORY", (dir() / "credentials").string());
  std::filesystem::create_directory(dir() / "credentials");
  for (const char* name : {"../main.key", "/etc/passwd", "..", "."}) {
    EXPECT_THAT(problems(with(std::string("{credential: ") + name + "}")),
                ElementsAre(is_problem(5, "accounts[0].key.credential", "is a path")));
  }
}

TEST_F(Key, AFileThatOthersCanReadIsRefused) {
  using std::filesystem::perms;
  for (const perms others : {perms::others_read, perms::others_write}) {
    std::filesystem::permissions(dir() / "main.key", perms::owner_read | others);
    EXPECT_THAT(problems(with("{file: main.key}")),
                ElementsAre(is_problem(5, "accounts[0].key.file", "run: chmod o= " + (dir() / "main.key").string())));
  }
  std::filesystem::permissions(dir() / "main.key", perms::owner_all | perms::group_all | perms::others_exec);
  EXPECT_TRUE(account("{file: main.key}").key);
}

TEST_F(Key, FilesThatHoldNoKeyAreRefused) {
  const auto problem_with = [&](std::string_view text) {
    write_key("k", text);
    return problems(with("{file: k}"));
  };
  for (const char* text : {"", "\n", "\r\n\r\n"}) {
    EXPECT_THAT(problem_with(text), ElementsAre(is_problem(5, "accounts[0].key.file", "holds no key")));
  }
  for (const std::string text : {"SG.do-not-show-me 1", " SG.do-not-show-me", "SG.do-not-show-me \n",
                                 "SG.do-not-show-me\nb\n", "SG.do-not-show-me\x7F", "SG.do-not-show-me\t"}) {
    EXPECT_THAT(problem_with(text), ElementsAre(is_problem(5, "accounts[0].key.file", "holds a blank")));
  }
  EXPECT_THAT(problem_with(std::string("SG.do-not-show-me\0x", 19)),
              ElementsAre(is_problem(5, "accounts[0].key.file", "holds a blank")));
  EXPECT_THAT(problem_with(std::string(4097, 'x')),
              ElementsAre(is_problem(5, "accounts[0].key.file", "holds too much for a key")));
  EXPECT_THAT(problems(with("{file: .}")), ElementsAre(is_problem(5, "accounts[0].key.file", "is a folder")));
}

// What stands under `key` may be the key itself: none of these may show it.
TEST_F(Key, WrittenInTheFileIsRefusedAndNotShown) {
  const Variable variable("CREDENTIALS_DIRECTORY", dir().string());
  const std::string key(test::secret);
  struct Wrong {
    std::string written;
    const char* path;
    const char* piece;
  };
  const Wrong wrong[] = {
      {key, "accounts[0].key", "never written in this file; write where it is: {file: PATH}"},
      {"'" + key + "'", "accounts[0].key", "never written"},
      {"[" + key + "]", "accounts[0].key", "never written"},
      {"{file: " + key + "}", "accounts[0].key.file", "does not exist"},
      {"{file: /" + key + "/" + key + "}", "accounts[0].key.file", "does not exist"},
      {"{file: [" + key + "]}", "accounts[0].key.file", "must be a single value"},
      {"{file: \"" + key + "\\n\"}", "accounts[0].key.file", "control character"},
      {"{credential: " + key + "}", "accounts[0].key.credential", "the credential does not exist"},
      {"{env: " + key + "}", "accounts[0].key.env", "is not set"},
      {"{env: ''}", "accounts[0].key.env", "is empty"},
      {"{file: main.key, env: " + key + "}", "accounts[0].key", "names several places"},
      {"{file: main.key, " + key + "}", "accounts[0].key", "unknown key; the keys here are file, credential, env"},
      {"{file: main.key, " + key + ": 1}", "accounts[0].key", "unknown key"},
      {"{file: main.key, abc123: 1}", "accounts[0].key", "unknown key"},
  };
  for (const Wrong& w : wrong) {
    const auto found = problems(with(w.written));
    EXPECT_THAT(found, ElementsAre(is_problem(5, w.path, w.piece))) << w.written;
  }
  EXPECT_THAT(problems(with("{abc123: 1}")), ElementsAre(is_problem(5, "accounts[0].key", "unknown key"),
                                                         is_problem(5, "accounts[0].key", "says not")));
  EXPECT_THAT(problems(with("{fiel: main.key}")), ElementsAre(is_problem(5, "accounts[0].key", "did you mean file?"),
                                                              is_problem(5, "accounts[0].key", "says not")));
  EXPECT_THAT(problems(with("")), ElementsAre(is_problem(5, "accounts[0].key", "write where it is")));
  EXPECT_THAT(problems("accounts:\n  - {name: a, user: x, customers: [c]}\n"),
              ElementsAre(is_problem(2, "accounts[0].key", "is missing; write key: {file: PATH}")));
}

class DatabasePassword : public test::ConfigFiles {
 protected:
  static std::string with(const std::string& password) {
    return test::least + "database: {password: " + password + "}\n";
  }
};

TEST_F(DatabasePassword, IsReadLikeAKey) {
  write_key("p", "pass word='é\\\n");
  const Variable variable("BOUNCED_TEST_PASSWORD", "from env");
  const Variable folder("CREDENTIALS_DIRECTORY", dir().string());
  write("database", "from systemd\n");
  EXPECT_EQ(load(with("{file: p}")).database.password, Secret("pass word='é\\"));
  EXPECT_EQ(load(with("{env: BOUNCED_TEST_PASSWORD}")).database.password, Secret("from env"));
  EXPECT_EQ(load(with("{credential: database}")).database.password, Secret("from systemd"));
  EXPECT_EQ(load(test::least).database.password, std::nullopt);
}

TEST_F(DatabasePassword, ThatIsWrongIsAProblemThatDoesNotShowIt) {
  const std::string password(test::secret);
  EXPECT_THAT(problems(with(password)), ElementsAre(is_problem(7, "database.password", "a password is never written")));
  EXPECT_THAT(problems(with("{file: none}")), ElementsAre(is_problem(7, "database.password.file", "does not exist")));
  for (const auto& [text, problem] : {std::pair{std::string("\n"), "holds no password"},
                                      {password + "\nb\n", "control character or several lines; write the password"},
                                      {password + "\t", "holds a control character"},
                                      {std::string(4097, 'x'), "holds too much for a password"}}) {
    write_key("p", text);
    EXPECT_THAT(problems(with("{file: p}")), ElementsAre(is_problem(7, "database.password.file", problem)));
  }
}

// Whoever needs no API key needs this one all the same.
TEST_F(DatabasePassword, IsReadForThoseWhoNeedNoKeysAndMayBeAbsentOutsideTheUnit) {
  write_key("p", "password");
  const LoadOptions unread{.keys_unread = true};
  EXPECT_EQ(load(with("{file: p}"), unread).database.password, Secret("password"));
  const Variable folder("CREDENTIALS_DIRECTORY", std::nullopt);
  for (const LoadOptions& outside : {unread, LoadOptions{.credentials_may_be_absent = true}}) {
    const Database database = load(with("{credential: key_database}"), outside).database;
    EXPECT_EQ(database.password, std::nullopt);
    EXPECT_EQ(std::get<KeyCredential>(database.password_source.value()).name, "key_database");
  }
  EXPECT_THAT(problems(with("{credential: key_database}")),
              ElementsAre(is_problem(7, "database.password.credential", "or write password: {file: PATH}")));
}

}  // namespace
}  // namespace bounced::config
