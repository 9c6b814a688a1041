// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(Process, ThePidSpaceIsTheSameForAllOfIt) {
  EXPECT_EQ(pid_space(), pid_space());
}

}  // namespace
}  // namespace bounced::daemon
