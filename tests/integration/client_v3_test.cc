// SPDX-License-Identifier: Apache-2.0
// The client of v3: what is asked, and what is made of each answer and of lists that change while they are read.
#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/json/parse.hpp>

#include <map>
#include <random>
#include <set>

#include "tests/integration/client_fixture.h"

namespace bounced::api {
namespace {

using namespace std::chrono_literals;
using simulator::Answer;
using test::Collected;
using testing::HasSubstr;
using Kind = Fault::Kind;
namespace asio = boost::asio;

class ClientV3 : public test::ClientTest {
 protected:
  using Removed = std::variant<Removal, Fault>;

  ClientV3() : ClientTest({.user = "owner", .key = "SG.secret-key"}) {
    account.api = config::Api::v3;
    account.user.clear();
  }

  Outcome read_as(const std::string& name, Sink& sink, std::optional<int> recent_days = std::nullopt,
                  Admit admit = {}) {
    return test::run([&](auto executor) -> asio::awaitable<Outcome> {
      const auto client = make_client(executor, account, deadlines);
      co_return co_await client->read_list(name, recent_days, sink, admit);
    });
  }
  Fault fault_of_read(const std::string& name = "sub") {
    Collected ignored;
    auto outcome = read_as(name, ignored);
    if (const auto* read = std::get_if<ListRead>(&outcome)) {
      ADD_FAILURE() << "a list of " << read->entries << " instead of a fault";
      return {};
    }
    Fault fault = std::get<Fault>(std::move(outcome));
    EXPECT_THAT(fault.message, testing::Not(HasSubstr("secret")));
    EXPECT_THAT(fault.message, HasSubstr("/v3/suppression/bounces: "));
    return fault;
  }
  // A list that was read, with what was put into the sink.
  ListRead read_well(Collected& collected, const std::string& name = "sub") {
    auto outcome = read_as(name, collected);
    if (const auto* fault = std::get_if<Fault>(&outcome)) {
      ADD_FAILURE() << fault->message;
      return {};
    }
    EXPECT_EQ(std::get<ListRead>(outcome).entries, collected.bounces.size());
    return std::get<ListRead>(outcome);
  }
  static std::multiset<std::string> emails_of(const Collected& collected) {
    std::multiset<std::string> emails;
    for (const auto& bounce : collected.bounces) emails.insert(bounce.email);
    return emails;
  }
  std::multiset<std::string> emails_at_api(const std::string& name = "sub") const {
    std::multiset<std::string> emails;
    for (std::uint64_t place = 0, left = server.size(name); left > 0; ++place) {
      const auto bounce = server.at(name, place);
      if (!bounce) continue;
      emails.insert(*bounce->email);
      --left;
    }
    return emails;
  }

  Removed remove(std::vector<std::string> emails) {
    return test::run([&](auto executor) -> asio::awaitable<Removed> {
      const auto client = make_client(executor, account, deadlines);
      Addresses addresses(std::get<Address>(Address::parse(emails.at(0))));
      for (std::size_t i = 1; i < emails.size(); ++i) addresses.add(std::get<Address>(Address::parse(emails[i])));
      co_return co_await client->remove("sub", std::move(addresses), {});
    });
  }
  static std::string said(const Removed& outcome) {
    if (const auto* fault = std::get_if<Fault>(&outcome)) {
      EXPECT_THAT(fault->message, testing::Not(HasSubstr("secret")));
      return name(fault->kind);
    }
    return std::get<Removal>(outcome).outcome == api::Removed::deleted ? "deleted" : "not_listed";
  }

  using Subusers = std::variant<std::vector<Subuser>, Fault>;
  Subusers subusers() {
    return test::run([&](auto executor) -> asio::awaitable<Subusers> {
      const auto client = make_client(executor, account, deadlines);
      co_return co_await client->list_customers({});
    });
  }
};

TEST_F(ClientV3, ReadsASubusersListAndTheAccountsOwn) {
  server.add("sub",
             {.email = "x@example.org", .status = "5.1.1", .reason = "550  no ", .created = "2024-05-06 07:08:09"});
  server.set_own_customer("owner", "parent");
  server.add("parent", {.email = "own@example.org", .status = "550", .reason = "r", .created = "2024-01-02 03:04:05"});
  Collected sub, own;
  EXPECT_TRUE(read_well(sub).complete());
  EXPECT_EQ(sub.bounces, (std::vector<db::ListedBounce>{
                             {"x@example.org", "5.1.1", "550 no", db::Instant(std::chrono::seconds(1715004489))}}));
  read_well(own, "");
  EXPECT_EQ(emails_of(own), (std::multiset<std::string>{"own@example.org"}));
  const auto calls = server.calls();
  EXPECT_EQ(calls.at(0).header("on-behalf-of"), "sub");
  EXPECT_EQ(calls.at(1).header("on-behalf-of"), "");
  EXPECT_EQ(calls.at(0).header("Authorization"), "Bearer SG.secret-key");
  EXPECT_EQ(calls.at(0).parameter("limit"), "500");
}

TEST_F(ClientV3, ALongListIsReadInPagesSeveralAtOnceAndIsAdmittedForEach) {
  server.generate("sub", 7, 20'000);
  int permits = 0, held = 0, most = 0;
  Collected collected;
  auto outcome = read_as("sub", collected, std::nullopt, [&]() -> asio::awaitable<Permit> {
    ++permits;
    most = std::max(most, ++held);
    co_return Permit(nullptr, [&](void*) { --held; });
  });
  const auto& read = std::get<ListRead>(outcome);
  EXPECT_TRUE(read.complete()) << read.unproven;
  EXPECT_EQ(emails_of(collected), emails_at_api());
  EXPECT_EQ(read.requests, server.counters().calls);
  EXPECT_EQ(static_cast<std::uint64_t>(permits), read.requests);
  EXPECT_EQ(held, 0);
  EXPECT_EQ(most, account.concurrency);
  EXPECT_LE(read.requests, 20'000 / 499 * 5 / 4);
  std::set<std::uint64_t> connections;
  for (const auto& call : server.calls()) connections.insert(call.connection);
  EXPECT_EQ(connections.size(), static_cast<std::size_t>(account.concurrency));
}

// BOUNCED_SEED makes others.
TEST_F(ClientV3, WhatStandsAllTheTimeIsReadHoweverTheListChanges) {
  const char* const given = std::getenv("BOUNCED_SEED");
  const unsigned first = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : 1U;
  for (unsigned seed = first; seed < first + 15; ++seed) {
    SCOPED_TRACE(seed);
    server.generate("sub", seed, 4'000);
    std::set<std::string> stood;
    for (const std::string& email : emails_at_api()) stood.insert(email);
    std::mutex mutex;
    std::minstd_rand random(seed);
    server.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
      const std::lock_guard lock(mutex);
      for (auto i = random() % 20; i > 0; --i) {
        const auto bounce = server.at("sub", random() % 4'000);
        if (!bounce) continue;
        server.remove("sub", *bounce->email);
        stood.erase(*bounce->email);
      }
      server.add_some("sub", random() % 10);
      return std::nullopt;
    });
    Collected collected;
    const ListRead read = read_well(collected);
    server.set_hook({});
    EXPECT_EQ(read.unproven, "");
    const auto emails = emails_of(collected);
    for (const std::string& email : stood) ASSERT_TRUE(emails.contains(email)) << email;
  }
}

TEST_F(ClientV3, OnlyWhatIsRecentIsAskedFor) {
  server.add("sub", {.email = "old@example.org", .created = "2020-01-01 00:00:00"});
  server.add_some("sub", 3);
  Collected collected;
  auto outcome = read_as("sub", collected, 3);
  EXPECT_EQ(std::get<ListRead>(outcome).entries, 3U);
  const auto since = std::stoll(server.calls().at(0).parameter("start_time"));
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  EXPECT_NEAR(static_cast<double>(now - since), 3 * 86400, 30);
}

TEST_F(ClientV3, TellsItsFaultsApart) {
  server.add_customer("sub");
  EXPECT_EQ(fault_of_read("stranger").kind, Kind::not_permitted);
  server.answer({}, {.status = 429,
                     .body = R"({"errors":[{"field":null,"message":"too many requests"}]})",
                     .headers = {{"X-RateLimit-Reset", std::to_string(std::time(nullptr) + 30)}}});
  const Fault limited = fault_of_read();
  EXPECT_EQ(limited.kind, Kind::rate_limited);
  EXPECT_NEAR(static_cast<double>(limited.retry_after.value_or(0s).count()), 30, 5);
  server.answer({}, {.status = 200, .body = "<html><title>Oops</title></html>", .content_type = "text/html"});
  EXPECT_EQ(fault_of_read().kind, Kind::unavailable);
  server.answer({}, {.body = "{}"});
  EXPECT_EQ(fault_of_read().kind, Kind::not_understood);
  server.answer({}, {.cut = 1, .ending = simulator::Ending::broken_off});
  EXPECT_EQ(fault_of_read().kind, Kind::unavailable);
  account.key.emplace("SG.other-secret");
  EXPECT_EQ(fault_of_read().kind, Kind::credentials);
  EXPECT_EQ(server.counters().calls, 6U);  // no first page is asked for twice
}

TEST_F(ClientV3, AFaultInTheMidstOfAReadIsTriedAgain) {
  server.generate("sub", 3, 1'500);
  int calls = 0;
  server.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    ++calls;
    if (calls == 2) return Answer{.status = 502, .body = "<html>Bad gateway</html>"};
    if (calls == 4) return Answer{.cut = 100, .ending = simulator::Ending::reset};
    return std::nullopt;
  });
  account.concurrency = 1;
  Collected collected;
  EXPECT_TRUE(read_well(collected).complete());
  EXPECT_EQ(emails_of(collected), emails_at_api());
}

TEST_F(ClientV3, WhatIsRefusedInTheMidstOfAReadEndsIt) {
  server.generate("sub", 3, 1'500);
  int calls = 0;
  server.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    if (++calls < 2) return std::nullopt;
    return Answer{.status = 403, .body = R"({"errors":[{"field":null,"message":"access forbidden"}]})"};
  });
  EXPECT_EQ(fault_of_read().kind, Kind::not_permitted);
}

TEST_F(ClientV3, StopsBeforeTheRateLimitRefuses) {
  server.generate("sub", 3, 6'000);
  server.limit_v3(10, 2s);
  Collected collected;
  EXPECT_TRUE(read_well(collected).complete());
  EXPECT_GT(server.counters().calls, 12U);
  EXPECT_EQ(server.counters().refused_v3, 0U);
}

TEST_F(ClientV3, AnApiThatLiesIsFoundOut) {
  server.generate("sub", 3, 2'000);
  Collected capped, exclusive;
  server.set_v3({.page_cap = 100});
  EXPECT_TRUE(read_well(capped).complete());
  EXPECT_EQ(emails_of(capped), emails_at_api());
  server.set_v3({.exclusive_end = true});
  EXPECT_THAT(read_well(exclusive).unproven, HasSubstr("leaves out the last second"));
  server.set_v3({.ignore_times = true});
  EXPECT_THAT(fault_of_read().message, HasSubstr("of other times"));
  server.set_v3({.oldest_first = true});
  EXPECT_THAT(fault_of_read().message, HasSubstr("newest first"));
  server.set_v3({.ignore_offset = true});
  Collected whole, burst;
  EXPECT_TRUE(read_well(whole).complete());  // it needs none
  for (int i = 0; i < 1'200; ++i) {
    server.add("burst", {.email = fmt::format("x{}@example.org", i), .created = "2024-05-06 07:08:09"});
  }
  server.forget_calls();
  EXPECT_NE(read_well(burst, "burst").unproven, "");
  EXPECT_LE(server.counters().calls, 15U);
}

// Twelve hundred of one second among others.
TEST_F(ClientV3, WhateverTheServerGivesAndSaysOfItsPagesTheListIsWhole) {
  using simulator::PageLinks;
  for (int i = 0; i < 1'400; ++i) {
    server.add("sub", {.email = fmt::format("x{}@example.org", i),
                       .created = i < 1'200 ? "2024-05-06 07:08:09" : fmt::format("2024-05-07 07:{:02}:09", i % 60)});
  }
  for (const PageLinks links : {PageLinks::as_documented, PageLinks::next_only, PageLinks::of_full_pages,
                                PageLinks::next_always, PageLinks::none}) {
    for (const std::uint64_t cap : {7U, 100U, 500U}) {
      server.set_v3({.page_cap = cap, .links = links});
      Collected collected;
      const ListRead read = read_well(collected);
      EXPECT_EQ(read.unproven, "") << cap << ' ' << static_cast<int>(links);
      EXPECT_EQ(emails_of(collected), emails_at_api()) << cap << ' ' << static_cast<int>(links);
    }
  }
}

TEST_F(ClientV3, APageThatIgnoresTheLimitIsReadUnlessItIsTooLong) {
  server.generate("sub", 3, 2'000);
  server.set_v3({.ignore_limit = true});
  Collected whole;
  EXPECT_TRUE(read_well(whole).complete());
  EXPECT_EQ(emails_of(whole), emails_at_api());
  server.generate("sub", 3, 20'000);
  EXPECT_THAT(fault_of_read().message, HasSubstr("the API ignores limit="));
}

TEST_F(ClientV3, TimesAreReadHoweverTheyAreWrittenAndMayBeAbsent) {
  server.add("sub", {.email = "x@example.org"});
  for (const char* created : {"1715004489", "1715004489.75", "\"1715004489\"", "\"2024-05-06T14:08:09Z\""}) {
    server.set_v3({.created = created});
    Collected collected;
    EXPECT_FALSE(read_well(collected).by_time);
    EXPECT_EQ(std::get<db::Instant>(collected.bounces.at(0).created), db::Instant(std::chrono::seconds(1715004489)));
  }
  for (const char* created : {"none", "null", "\"yesterday\""}) {
    server.set_v3({.created = created});
    Collected collected;
    EXPECT_TRUE(read_well(collected).complete());
    EXPECT_TRUE(std::holds_alternative<std::monostate>(collected.bounces.at(0).created));
  }
  server.set_v3({});
  server.generate("sub", 3, 2'000);
  Collected collected;
  EXPECT_TRUE(read_well(collected).by_time);
}

TEST_F(ClientV3, AListThatIsLongerThanAllowedIsRefused) {
  server.generate("sub", 3, 5'000);
  account.max_list_bytes = 100'000;
  EXPECT_THAT(fault_of_read().message, HasSubstr("longer than polling.max_list_bytes allows"));
}

TEST_F(ClientV3, ACancelledReadBreaksOffWhatIsInFlight) {
  server.generate("sub", 3, 20'000);
  std::atomic<int> calls = 0;
  server.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    if (++calls < 6) return std::nullopt;
    Answer held;
    held.hold_head = true;
    return held;
  });
  asio::io_context io(1);
  const auto client = make_client(io.get_executor(), account, deadlines);
  asio::cancellation_signal signal;
  std::exception_ptr error;
  Collected collected;
  asio::co_spawn(io, client->read_list("sub", std::nullopt, collected, {}),
                 asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e, const Outcome&) { error = e; }));
  const auto at_once = static_cast<std::uint64_t>(account.concurrency);
  while (server.counters().held < at_once) io.run_one_for(10ms);
  signal.emit(asio::cancellation_type::terminal);
  io.run();
  ASSERT_TRUE(error);
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    EXPECT_EQ(e.code(), asio::error::operation_aborted);
  }
  server.release();
}

// Of a path that is no plain one, what stands between makes another: that of the whole list, perhaps.
TEST_F(ClientV3, WhatIsNoPlainAddressGoesInTheBodyAlone) {
  for (const char* odd : {".", "..", "../../x@example.org", "a/b@example.org", "a\\b@example.org", "a;b@example.org",
                          "a%2Fb@example.org", "ä@example.org", "no-address"}) {
    server.forget_calls();
    server.add("sub", {.email = odd});
    server.add("sub", {.email = "other@example.org"});
    EXPECT_EQ(said(remove({odd})), "deleted") << odd;
    EXPECT_EQ(emails_at_api(), (std::multiset<std::string>{"other@example.org"})) << odd;
    EXPECT_EQ(server.calls().at(0).path, "/v3/suppression/bounces");
    server.remove("sub", "other@example.org");
  }
}

TEST_F(ClientV3, NamesTheCustomerAsTheVendorDoes) {
  server.add("account-id 1234567", {.email = "x@example.org"});
  Collected collected;
  read_well(collected, "account-id 1234567");
  EXPECT_EQ(collected.bounces.size(), 1U);
  const auto call = server.calls().at(0);
  EXPECT_TRUE(std::ranges::any_of(call.headers, [](const auto& header) {
    return header.first == "On-Behalf-Of" && header.second == "account-id 1234567";
  }));
}

TEST_F(ClientV3, RemovesOneAddress) {
  const std::string odd = "a+b._-c@example.org";
  server.add("sub", {.email = odd});
  server.add("sub", {.email = "other@example.org"});
  EXPECT_EQ(said(remove({odd})), "deleted");
  EXPECT_EQ(said(remove({odd})), "not_listed");
  EXPECT_EQ(server.size("sub"), 1U);
  EXPECT_EQ(server.calls().at(0).method, "DELETE");
  server.answer({}, {.status = 404, .body = "<html><title>404 Not Found</title></html>"});
  EXPECT_EQ(said(remove({odd})), "unavailable");  // some proxy's word
  server.answer({}, {.status = 404, .body = ""});
  EXPECT_EQ(said(remove({odd})), "unavailable");
  const std::string not_found = R"({"errors":[{"field":null,"message":"not found"}]})";
  for (const std::uint64_t cut : {not_found.size() - 1, not_found.size()}) {
    server.answer({}, {.status = 404, .body = not_found, .cut = cut, .ending = simulator::Ending::broken_off});
    EXPECT_EQ(said(remove({odd})), "unavailable");
  }
  server.answer({}, {.status = 503, .body = ""});
  EXPECT_EQ(said(remove({odd})), "unavailable");
  server.answer({}, {.status = 200, .body = "[]"});
  EXPECT_EQ(said(remove({odd})), "not_understood");
}

// There everything is not found, in the API's own words.
TEST_F(ClientV3, AWrongBaseUrlEndsNoDeletion) {
  server.add("sub", {.email = "x@example.org"});
  account.base_url += "/v3";
  const std::string not_found = R"({"errors":[{"field":null,"message":"resource not found"}]})";
  server.answer({}, {.status = 404, .body = not_found}, 0);
  EXPECT_EQ(said(remove({"x@example.org"})), "unavailable");
}

// A list is read to tell whether "not found" is about the address.
TEST_F(ClientV3, ALimitOfListsIsNoneOfDeletions) {
  server.add_customer("sub");
  server.set_hook([&](const simulator::Call& call) -> std::optional<Answer> {
    if (call.task() == "delete") return std::nullopt;
    return Answer{.status = 429, .body = R"({"errors":[{"field":null,"message":"too many requests"}]})"};
  });
  const Removed outcome = remove({"x@example.org"});
  EXPECT_EQ(said(outcome), "unavailable");
  EXPECT_EQ(std::get<Fault>(outcome).origin, Fault::Origin::ours);
}

TEST_F(ClientV3, RemovesManyAddressesByOneCallThatCannotMeanAll) {
  std::vector<std::string> emails;
  for (int i = 0; i < 100; ++i) {
    emails.push_back("x" + std::to_string(i) + "@example.org");
    server.add("sub", {.email = emails.back()});
  }
  server.add("sub", {.email = "stays@example.org"});
  emails.back() = "\"quoted\\\"@example.org";
  EXPECT_EQ(said(remove(emails)), "deleted");
  EXPECT_EQ(emails_at_api(), (std::multiset<std::string>{"stays@example.org", "x99@example.org"}));
  ASSERT_EQ(server.counters().calls, 1U);
  const auto body = boost::json::parse(server.calls().at(0).body).as_object();
  EXPECT_EQ(body.size(), 1U);
  EXPECT_EQ(body.at("emails").as_array().size(), 100U);
  // Of many it does not say which.
  server.answer({}, {.status = 404, .body = R"({"errors":[{"field":null,"message":"not found"}]})"});
  EXPECT_EQ(said(remove({"a@example.org", "b@example.org"})), "refused");
}

TEST_F(ClientV3, NamesTheSubusers) {
  std::vector<Subuser> expected;
  for (int i = 0; i < 1'203; ++i) {
    expected.push_back({.name = fmt::format("customer{:04}", i), .disabled = i == 7});
    server.add_customer(expected.back().name);
  }
  server.remove_customer(customer);  // the fixture's
  server.set_disabled("customer0007", true);
  auto outcome = subusers();
  ASSERT_TRUE(std::holds_alternative<std::vector<Subuser>>(outcome)) << std::get<Fault>(outcome).message;
  EXPECT_EQ(std::get<std::vector<Subuser>>(outcome), expected);
  EXPECT_EQ(server.counters().calls, 4U);
}

TEST_F(ClientV3, NamesAllSubusersThoughThePagesAreCapped) {
  std::set<std::string> expected{customer};
  for (int i = 0; i < 250; ++i) {
    expected.insert(fmt::format("customer{:04}", i));
    server.add_customer(fmt::format("customer{:04}", i));
  }
  for (const std::uint64_t cap : {3U, 100U, 251U, 500U}) {
    server.set_v3({.page_cap = cap});
    auto outcome = subusers();
    std::set<std::string> names;
    for (const Subuser& subuser : std::get<std::vector<Subuser>>(outcome)) names.insert(subuser.name);
    EXPECT_EQ(names, expected) << cap;
  }
}

TEST_F(ClientV3, SubusersThatLeaveMeanwhileHideNoOther) {
  for (int i = 0; i < 1'200; ++i) server.add_customer(fmt::format("customer{:04}", i));
  int calls = 0;
  server.set_hook([&](const simulator::Call&) -> std::optional<Answer> {
    if (++calls == 2) server.remove_customer("customer0003");
    return std::nullopt;
  });
  auto outcome = subusers();
  std::set<std::string> names;
  for (const Subuser& subuser : std::get<std::vector<Subuser>>(outcome)) names.insert(subuser.name);
  for (int i = 4; i < 1'200; ++i) ASSERT_TRUE(names.contains(fmt::format("customer{:04}", i)));
  server.answer({}, {.body = "{}"});
  EXPECT_EQ(std::get<Fault>(subusers()).kind, Kind::not_understood);
}

}  // namespace
}  // namespace bounced::api
