// SPDX-License-Identifier: Apache-2.0
#include "config/proxy.h"

#include <cstdlib>

#include "tests/unit/config_files.h"

namespace bounced::config {
namespace {

using test::is_problem;
using test::least;
using testing::ElementsAre;

class ProxySetting : public test::ConfigFiles {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char* name : {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}) unsetenv(name);
  }
  std::optional<Proxy> proxy_of(const std::string& account, const std::string& top = "") const {
    return load(top + least + account).accounts.at(0).proxy;
  }
};

TEST_F(ProxySetting, IsTheAccountsOwnElseTheOneOfAll) {
  EXPECT_EQ(proxy_of(""), std::nullopt);
  EXPECT_EQ(proxy_of("    proxy: http://proxy.example.com:3128\n"), (Proxy{.host = "proxy.example.com", .port = 3128}));
  const std::string top = "proxy: http://[::1]:8080/\n";
  EXPECT_EQ(proxy_of("", top), (Proxy{.host = "::1", .port = 8080}));
  EXPECT_EQ(proxy_of("    proxy: http://other:1\n", top), (Proxy{.host = "other", .port = 1}));
  EXPECT_EQ(proxy_of("    proxy: none\n", top), std::nullopt);
}

TEST_F(ProxySetting, HasItsCredentialsFromWhereKeysAre) {
  write_key("proxy.key", "word of me\n");
  write_key("good.key", "word-of-me\n");
  EXPECT_EQ(proxy_of("    proxy: {url: 'http://p:1', user: me, password: {file: good.key}}\n"),
            (Proxy{.host = "p", .port = 1, .user = "me", .password = Secret("word-of-me")}));
  EXPECT_THAT(problems(least + "    proxy: {url: 'http://p:1', user: me, password: word}\n"),
              ElementsAre(is_problem(7, "accounts[0].proxy.password", "never written in this file")));
  EXPECT_THAT(problems(least + "    proxy: {url: 'http://p:1', password: {file: good.key}}\n"),
              ElementsAre(is_problem(7, "accounts[0].proxy.user", "write whose password it is")));
  EXPECT_THAT(problems(least + "    proxy: {url: 'http://me:word@p:1'}\n"),
              ElementsAre(is_problem(7, "accounts[0].proxy.url", "holds a user or password")));
}

TEST_F(ProxySetting, ThatCannotBeIsAProblem) {
  for (const char* wrong : {"proxy", "https://p:1", "socks5://p:1", "http://", "http://p:0", "http://p:99999",
                            "http://p:1/path", "http://p:1?x", "''"}) {
    EXPECT_THAT(problems(least + "    proxy: " + wrong + "\n"), ElementsAre(is_problem(7, "accounts[0].proxy", "")))
        << wrong;
  }
}

// It would see the key of what is not encrypted.
TEST_F(ProxySetting, IsNotForAServerThatIsSpokenToInClear) {
  const std::string clear = least + "    base_url: http://127.0.0.1:8080\n";
  EXPECT_THAT(problems(clear + "    proxy: http://p:1\n"),
              ElementsAre(is_problem(8, "accounts[0].proxy", "would see the key")));
  EXPECT_FALSE(load("proxy: http://p:1\n" + clear).accounts[0].proxy);
}

TEST_F(ProxySetting, ComesFromTheEnvironmentWhereNothingIsSaid) {
  setenv("HTTPS_PROXY", "http://me:w%20d@proxy:3128", 1);
  EXPECT_EQ(proxy_of(""), (Proxy{.host = "proxy", .port = 3128, .user = "me", .password = Secret("w d")}));
  EXPECT_EQ(proxy_of("    proxy: none\n"), std::nullopt);
  EXPECT_EQ(proxy_of("    base_url: http://localhost:1\n"), std::nullopt);
  setenv("https_proxy", "small:8080", 1);
  EXPECT_EQ(proxy_of(""), (Proxy{.host = "small", .port = 8080}));
  for (const char* exempt : {"sendgrid.com", "SendGrid.com", ".sendgrid.com", "com", "*", "a.org, sendgrid.com"}) {
    setenv("NO_PROXY", exempt, 1);
    EXPECT_EQ(proxy_of(""), std::nullopt) << exempt;
  }
  for (const char* other : {"grid.com", "api.sendgrid.com", "", "sendgrid.org"}) {
    setenv("NO_PROXY", other, 1);
    EXPECT_NE(proxy_of(""), std::nullopt) << other;
  }
  setenv("https_proxy", "ftp://small", 1);
  EXPECT_THAT(problems(least), ElementsAre(is_problem(3, "accounts[0].base_url", "the environment's HTTPS_PROXY")));
}

}  // namespace
}  // namespace bounced::config
