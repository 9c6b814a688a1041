// SPDX-License-Identifier: Apache-2.0
// Every order in which calls of several kinds can ask to be admitted, end, be cancelled and be turned back.
#include "sync/admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <string>
#include <vector>

#include "db/errors.h"
#include "db/waiting.h"
#include "tests/support/explore.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t most_calls = 4;

enum class Do {
  list_of_a,     // a poll of the account "a", which has a rate limit, asks for its call
  another_page,  // the first poll asks for one more
  list_of_b,     // "b" has none
  deletion_of_a,
  end_first,    // call that is being made
  cancel_last,  // who waits
  turn_back_lists,
  give_turns,    // the database answers
  lose_account,  // "a" is not configured any more
  step,
};
constexpr int events = 10;

class World {
 public:
  World() { admission_->set_totals({.lists = 2, .deletions = 1}); }
  ~World() {
    if (!destroy_) return;
    io_.reset();
  }

  bool happen(Do what) {
    switch (what) {
      case Do::list_of_a:
        return ask(CallKind::list, "a", nullptr);
      case Do::another_page:
        return !calls_.empty() && calls_.front()->visit->kind == CallKind::list &&
               ask(CallKind::list, "", calls_.front()->visit);
      case Do::list_of_b:
        return ask(CallKind::list, "b", nullptr);
      case Do::deletion_of_a:
        return ask(CallKind::deletion, "a", nullptr);
      case Do::end_first:
        for (const auto& call : calls_) {
          if (!call->permit) continue;
          call->permit.reset();
          check_limits();
          return true;
        }
        return false;
      case Do::cancel_last:
        return cancel_last();
      case Do::turn_back_lists:
        if (admission_->waiting() == 0) return false;
        admission_->turn_back("a", CallKind::list, 0s);
        return true;
      case Do::give_turns:
        return answer();
      case Do::lose_account:
        if (!configured_) return false;
        configured_ = false;
        admission_->changed();
        return true;
      case Do::step:
        io_->restart();
        return io_->poll_one() > 0;
    }
    return false;
  }

  // Once all is well, everybody who waits gets a call, or an end, when those who have one end theirs.
  void settle() {
    for (int rounds = 0; rounds < 100; ++rounds) {
      run();
      answer();
      run();
      ASSERT_FALSE(over_limit_) << "more calls at once than allowed";
      bool held = false;
      for (const auto& call : calls_) {
        held = held || call->permit;
        call->permit.reset();
      }
      if (!held && admission_->waiting() == 0) break;
    }
    for (const auto& call : calls_) ASSERT_TRUE(call->ended) << "somebody waits for good";
    ASSERT_EQ(admission_->waiting(), 0U);
    ASSERT_LE(used_, given_) << "a call without a turn";
    run();
    answer();
    run();
    ASSERT_TRUE(io_->stopped()) << "a loop runs, or a timer, for nobody";
  }
  void destroy() { destroy_ = true; }

 private:
  struct Call {
    std::shared_ptr<Visit> visit;
    api::Permit permit;
    asio::cancellation_signal signal;
    bool begun = false;
    bool ended = false;
  };

  bool ask(CallKind kind, const std::string& account, std::shared_ptr<Visit> visit) {
    if (calls_.size() == most_calls) return false;
    auto& call = *calls_.emplace_back(std::make_unique<Call>());
    call.visit = visit ? visit : std::make_shared<Visit>(Visit{.kind = kind, .account = account});
    asio::co_spawn(*io_, enter(call), asio::bind_cancellation_slot(call.signal.slot(), [&call](std::exception_ptr) {
      call.ended = true;
    }));
    return true;
  }

  asio::awaitable<void> enter(Call& call) {
    call.begun = true;
    const auto visit = call.visit;
    call.permit = co_await admission_->enter(visit);
    if (visit->account == "a") ++used_;
    check_limits();
  }

  // Boost 1.83 throws out of run() where what was spawned outside is cancelled before it begins; we spawn inside.
  bool cancel_last() {
    const auto call =
        std::find_if(calls_.rbegin(), calls_.rend(), [](const auto& one) { return one->begun && !one->ended; });
    if (call == calls_.rend()) return false;
    (*call)->signal.emit(asio::cancellation_type::terminal);
    return true;
  }

  void check_limits() {
    int lists = 0;
    int deletions = 0;
    int of_a = 0;
    for (const auto& call : calls_) {
      if (!call->permit) continue;
      ++(call->visit->kind == CallKind::deletion ? deletions : lists);
      of_a += call->visit->account == "a" && call->visit->kind != CallKind::deletion ? 1 : 0;
    }
    over_limit_ = over_limit_ || lists > 2 || deletions > 1 || of_a > 2;
  }

  std::optional<Admission::Limits> limits_of(const std::string& account) const {
    if (account == "b") return Admission::Limits{.rate = {.requests = 0}, .at_once = 1};
    if (!configured_) return std::nullopt;
    return Admission::Limits{.rate = {.requests = 100000, .per = 1s}, .at_once = 2};
  }

  // The database does not answer before it is told to.
  asio::awaitable<db::Turns> take(int most) {
    WaitList::Waiter waiter(asked_);
    const Waited waited = co_await waiter.wait();
    if (waited != Waited::released) throw db::Unavailable("away");
    given_ += most;
    co_return db::Turns{.count = most};
  }

  bool answer() {
    if (asked_.empty()) return false;
    asked_.release_all();
    return true;
  }

  void run() {
    do io_->restart();
    while (io_->poll() > 0);
  }

  std::unique_ptr<asio::io_context> io_ = std::make_unique<asio::io_context>(1);
  WaitList asked_{io_->get_executor()};
  std::vector<std::unique_ptr<Call>> calls_;
  bool configured_ = true;
  bool destroy_ = false;
  bool over_limit_ = false;
  int given_ = 0;
  int used_ = 0;
  std::unique_ptr<Admission> admission_ = std::make_unique<Admission>(
      io_->get_executor(), [this](const std::string& account) { return limits_of(account); },
      [this](const std::string&, const db::Pace&, const Admission::Wanted& wanted) {
        return take(wanted.lists + wanted.deletions + wanted.subusers);
      });
};

std::string text(const std::vector<Do>& sequence) {
  constexpr std::array<const char*, events> names{"list_of_a",    "another_page", "list_of_b",       "deletion_of_a",
                                                  "end_first",    "cancel_last",  "turn_back_lists", "give_turns",
                                                  "lose_account", "step"};
  std::string words;
  for (const Do what : sequence) words += std::string(names[static_cast<std::size_t>(what)]) + " ";
  return words;
}

constexpr std::size_t depth = 5;

// False where it is not possible.
bool play(const std::vector<Do>& sequence) {
  const testing::ScopedTrace trace(__FILE__, __LINE__, text(sequence));
  World world;
  for (const Do what : sequence) {
    if (!world.happen(what)) return false;
  }
  if (sequence.size() % 2 == depth % 2) {
    world.settle();
  } else {
    world.destroy();
  }
  return true;
}

TEST(AdmissionOrder, NoOrderOfEventsLosesAnybodyOrGoesOverALimit) {
  std::vector<Do> sequence;
  const std::size_t played = test::explore(sequence, depth, events, play);
  EXPECT_GT(played, 4000U);
}

// An account with a rate limit, "a", and one without, "b", for one list at a time.
class Turns : public testing::Test {
 protected:
  struct Ended {
    bool ended = false;
    std::exception_ptr error;
    api::Permit permit;
  };
  // A poll that has read a part already.
  static std::shared_ptr<Visit> reading(const std::string& account) {
    return std::make_shared<Visit>(Visit{.account = account, .began = std::chrono::steady_clock::now()});
  }
  static std::optional<Admission::Limits> limits_of(const std::string& account) {
    if (account == "b") return Admission::Limits{.rate = {.requests = 0}, .at_once = 1};
    return Admission::Limits{.rate = {.requests = 100, .per = 1s}, .at_once = 2};
  }

  Turns() { admission_.set_totals({.lists = 2, .deletions = 2}); }

  std::shared_ptr<Ended> enter(CallKind kind) {
    return enter(std::make_shared<Visit>(Visit{.kind = kind, .account = "a"}));
  }
  std::shared_ptr<Ended> enter(const std::shared_ptr<Visit>& visit) {
    auto result = std::make_shared<Ended>();
    asio::co_spawn(io_, admission_.enter(visit), [result](std::exception_ptr error, api::Permit permit) {
      result->ended = true;
      result->permit = std::move(permit);
      result->error = std::move(error);
    });
    return result;
  }
  template <class Error>
  static bool threw(const Ended& ended) {
    try {
      if (ended.error) std::rethrow_exception(ended.error);
    } catch (const Error&) {
      return true;
    } catch (...) {
    }
    return false;
  }
  void run_until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    io_.restart();
    while (!done() && std::chrono::steady_clock::now() < give_up) io_.run_one_for(1s);
    ASSERT_TRUE(done());
  }

  std::function<void()> fail_ = [] {};
  int asked_ = 0;
  Admission::Wanted wanted_;
  db::Turns given_;
  asio::io_context io_{1};
  Admission admission_{
      io_.get_executor(), limits_of,
      [this](const std::string&, const db::Pace&, const Admission::Wanted& wanted) -> asio::awaitable<db::Turns> {
        ++asked_;
        wanted_ = wanted;
        fail_();
        co_return given_;
      }};
};

TEST_F(Turns, WhatTheDatabaseRefusesFailsPollsAndGivesOthersBack) {
  const std::vector<std::function<void()>> faults{[] { throw db::SqlError("the disk is full", "53100"); },
                                                  [] { throw db::NoRight("no right"); }};
  for (const auto& fault : faults) {
    fail_ = fault;
    const auto list = enter(CallKind::list);
    const auto subusers = enter(CallKind::subusers);
    run_until([&] { return list->ended && subusers->ended; });
    EXPECT_TRUE(threw<db::Error>(*list));
    EXPECT_TRUE(threw<NotAdmitted>(*subusers));
  }
  EXPECT_EQ(admission_.waiting(), 0U);
}

TEST_F(Turns, NobodyWaitsForADatabaseThatStaysAway) {
  fail_ = [] { throw db::Unavailable("away"); };
  const auto list = enter(CallKind::list);
  const auto deletion = enter(CallKind::deletion);
  const auto subusers = enter(CallKind::subusers);
  run_until([&] { return asked_ == 1; });
  EXPECT_EQ(admission_.waiting(), 3U);
  run_until([&] { return list->ended && deletion->ended && subusers->ended; });
  EXPECT_EQ(asked_, 3);
  EXPECT_TRUE(threw<db::Unavailable>(*list));
  EXPECT_TRUE(threw<NotAdmitted>(*deletion));
  EXPECT_TRUE(threw<NotAdmitted>(*subusers));
}

TEST_F(Turns, AConflictPasses) {
  fail_ = [this] {
    if (asked_ == 1) throw db::Conflict("in the way");
    throw db::NoRight("no right");
  };
  const auto list = enter(CallKind::list);
  run_until([&] { return list->ended; });
  EXPECT_EQ(asked_, 2);
  EXPECT_TRUE(threw<db::NoRight>(*list));
}

TEST_F(Turns, WhatReadsWaitsForAShortPauseAlsoWithoutALimit) {
  const auto visit = reading("b");
  const auto first = enter(visit);
  run_until([&] { return first->ended; });
  const auto next = enter(visit);
  const auto began = std::chrono::steady_clock::now();
  admission_.turn_back("b", CallKind::list, 300ms);
  first->permit.reset();
  run_until([&] { return next->ended; });
  EXPECT_TRUE(next->permit);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 300ms);
  const auto last = enter(visit);
  run_until([&] { return admission_.waiting() == 1; });
  admission_.turn_back("b", CallKind::list, 2min);
  const auto later = enter(visit);
  run_until([&] { return last->ended && later->ended; });
  EXPECT_TRUE(threw<NotAdmitted>(*last));
  EXPECT_TRUE(threw<NotAdmitted>(*later));
}

// The pause was ended: the database has given the new one its work.
TEST_F(Turns, WhoComesAnewEndsThePauseForThoseWhoWaitItOut) {
  const auto visit = reading("b");
  admission_.turn_back("b", CallKind::list, 10min);
  const auto refused = enter(visit);
  run_until([&] { return refused->ended; });
  EXPECT_TRUE(threw<NotAdmitted>(*refused));
  const auto other = std::make_shared<Visit>(Visit{.account = "b"});
  const auto anew = enter(other);
  run_until([&] { return anew->ended; });
  ASSERT_TRUE(anew->permit);
  anew->permit.reset();
  const auto page = enter(visit);
  run_until([&] { return page->ended; });
  EXPECT_TRUE(page->permit);
}

TEST_F(Turns, DeletionsThatHangTakeNoPlacesFromOtherAccounts) {
  std::vector<std::shared_ptr<Ended>> hanging;
  for (int i = 0; i < 2; ++i) {
    hanging.push_back(enter(std::make_shared<Visit>(
        Visit{.kind = CallKind::deletion, .account = "b", .began = std::chrono::steady_clock::now() - slow_after})));
    admission_.set_totals({.lists = 2, .deletions = 1});
  }
  run_until([&] { return hanging[0]->ended; });
  EXPECT_FALSE(hanging[1]->ended);  // its own account's limit
  given_ = {.count = 1};
  const auto other = enter(CallKind::deletion);
  run_until([&] { return other->ended; });
  EXPECT_TRUE(other->permit);
  hanging[0]->permit.reset();
  run_until([&] { return hanging[1]->ended; });
}

TEST_F(Turns, ATurnForADeletionIsNotUsedByAListThatIsPaused) {
  const auto list = enter(reading("a"));
  const auto deletion = enter(CallKind::deletion);
  given_ = {.count = 1, .lists_paused_for = 1s};
  run_until([&] { return deletion->ended; });
  EXPECT_TRUE(deletion->permit);
  EXPECT_FALSE(list->ended);
  given_ = {.count = 1};
  run_until([&] { return list->ended; });
  EXPECT_TRUE(list->permit);
}

TEST_F(Turns, APauseOfListsIsNoneOfSubusers) {
  const auto list = enter(CallKind::list);
  const auto subusers = enter(CallKind::subusers);
  given_ = {.count = 1, .lists_paused_for = 1s};
  run_until([&] { return list->ended && subusers->ended; });
  EXPECT_TRUE(threw<NotAdmitted>(*list));
  EXPECT_TRUE(subusers->permit);
  EXPECT_EQ(wanted_.lists, 1);
  EXPECT_EQ(wanted_.subusers, 1);
}

}  // namespace
}  // namespace bounced::sync
