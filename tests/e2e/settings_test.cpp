#include <gtest/gtest.h>

#include <unistd.h>

#include "support/process.hpp"

using namespace brigade::testing_support;

namespace {

Program settings(const std::string& test) {
  return {TEST_SETTINGS_PROGRAM, {test}, {{"A", "inherited"}, {"B", "inherited"}}};
}

}  // namespace

TEST(WorkerSettings, AreCumulativeAndToldOfOncePerChange) {
  Process process(settings("cumulative"));
  process.wait_for_line("got first in / ");
  process.wait_for_line("got first in /proc ");  // the arguments are those of before
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(process.count_lines("setup: directory /"), 2U);
  EXPECT_EQ(process.count_lines("setup: directory /proc"), 1U);
}

TEST(WorkerSettings, LetTheEnvironmentOfForkWinAndLeaveThePrimarysAsItIs) {
  Process process(settings("environment"));
  process.wait_for_line("A=fork B=settings");
  process.wait_for_line("A of the primary: inherited");
}

TEST(WorkerSettings, InheritWhatTheyDoNotName) {
  const Process process(settings("nothing"));
  process.wait_for_line("got nothing in ");
  process.wait_for_line("A=fork B=inherited");
}

TEST(WorkerSettings, BringASilentWorkersLinesToThePrimaryBeforeItsExit) {
  Process process(settings("pipe"));
  process.wait_for_line("exit: exited with code 7");
  const std::string out = process.out();
  EXPECT_LT(out.find("out 1: got pipe in "), out.find("exit: "));
  EXPECT_LT(out.find("err 1: complains, without an end of the line\n"), out.find("exit: "));
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_EQ(process.err().find("complains"), std::string::npos);
}

TEST(WorkerSettings, PassStandardErrorOnWhereItIsKept) {
  Process process(settings("keep"));
  process.wait_for_line("exit: exited with code 7");
  EXPECT_EQ(process.wait().code, 0);
  EXPECT_NE(process.out().find("got keep in "), std::string::npos);
  EXPECT_NE(process.err().find("complains"), std::string::npos);
}

TEST(WorkerSettings, RefuseToForkAProgramThatIsNotThere) {
  Process process(settings("program"));
  EXPECT_EQ(process.wait().code, 3);
  process.wait_for_line("cannot start a worker: /no/such/program: No such file or directory");
}

TEST(WorkerSettings, StartWorkersAsAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may become another user";
  const Process process(settings("user"));
  process.wait_for_line("user 4321");
}
