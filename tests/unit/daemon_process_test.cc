// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

namespace bounced::daemon {
namespace {

TEST(Process, OneThatRunsIsNotGone) {
  EXPECT_GT(process_start(::getpid()), 0);
  EXPECT_FALSE(is_gone(::getpid(), process_start(::getpid())));
  EXPECT_FALSE(is_gone(::getpid(), 0));  // it is not known when it began
}

TEST(Process, ALaterOneWithThePidOfAnotherIsNotThatOne) {
  EXPECT_TRUE(is_gone(::getpid(), process_start(::getpid()) - 1));
}

TEST(Process, OneThatEndedIsGoneBeforeAndAfterItsParentHasNoticed) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::int64_t start = process_start(child);
  EXPECT_FALSE(is_gone(child, start));
  ::kill(child, SIGKILL);
  siginfo_t info;
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);  // it has ended, and is still there
  EXPECT_TRUE(is_gone(child, start));
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(is_gone(child, start));
}

TEST(Process, NobodyIsTakenForGoneWhereNothingIsKnown) {
  EXPECT_FALSE(is_gone(0, 0));
  EXPECT_FALSE(is_gone(1, process_start(1)));
}

TEST(Process, ThePidSpaceIsTheSameForAllOfItAndNotForAnotherHost) {
  const std::string ours = pid_space();
  EXPECT_THAT(ours, testing::HasSubstr(":" + host_name() + ":"));
  // A process with a host name of its own, as a clone of this machine has.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool renamed =
        ::unshare(CLONE_NEWUTS | (::geteuid() == 0 ? 0 : CLONE_NEWUSER)) == 0 && ::sethostname("clone", 5) == 0;
    const std::string theirs = renamed ? pid_space() : "";
    ::_exit(::write(ends[1], theirs.data(), theirs.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::array<char, 512> theirs{};
  const auto size = ::read(ends[0], theirs.data(), theirs.size());
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (size <= 0) GTEST_SKIP() << "there is no right to change the host name";
  EXPECT_THAT(std::string(theirs.data()), testing::HasSubstr(":clone:"));
  EXPECT_NE(std::string(theirs.data()), ours);
}

}  // namespace
}  // namespace bounced::daemon
