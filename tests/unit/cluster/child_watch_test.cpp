#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/child.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>

#include "support/fake_loop.hpp"

namespace brigade {
namespace {

using testing_support::FakeLoop;

struct Child {
  pid_t pid;
  Fd pidfd;
};

// Runs `body` in a child, which ends with the code that it returns.
Child start(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  return {pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)))};
}

int sleep_for_ever() {
  while (true) ::pause();
}

class ChildWatchTest : public testing::Test {
 protected:
  ExitStatus wait_for(Child child) {
    std::optional<ExitStatus> status;
    ChildWatch watch(std::move(child.pidfd), [&](ExitStatus ended) { status = ended; });
    while (!status) fake.loop.turn(true);
    return *status;
  }

  FakeLoop fake;
};

TEST_F(ChildWatchTest, TellsTheExitCode) {
  const ExitStatus status = wait_for(start([] { return 3; }));
  EXPECT_EQ(status.code, 3);
  EXPECT_EQ(status.signal, 0);
  EXPECT_FALSE(status.success());
}

TEST_F(ChildWatchTest, TellsOfSuccess) {
  EXPECT_TRUE(wait_for(start([] { return 0; })).success());
}

TEST_F(ChildWatchTest, TellsTheSignalThatKilledIt) {
  const ExitStatus status = wait_for(start([] {
    ::signal(SIGTERM, SIG_DFL);
    ::raise(SIGTERM);
    return 0;
  }));
  EXPECT_EQ(status.signal, SIGTERM);
  EXPECT_EQ(status.code, 0);
  EXPECT_FALSE(status.success());
}

TEST_F(ChildWatchTest, ReapsTheChild) {
  Child child = start([] { return 0; });
  const pid_t pid = child.pid;
  wait_for(std::move(child));
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST_F(ChildWatchTest, LeavesOtherChildrenAlone) {
  Child other = start([] { return 9; });
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(other.pid), &info, WEXITED | WNOWAIT), 0);
  wait_for(start([] { return 0; }));
  int status = 0;
  EXPECT_EQ(::waitpid(other.pid, &status, 0), other.pid);
  EXPECT_EQ(WEXITSTATUS(status), 9);
}

TEST_F(ChildWatchTest, SendsASignal) {
  Child child = start(sleep_for_ever);
  std::optional<ExitStatus> status;
  ChildWatch watch(std::move(child.pidfd), [&](ExitStatus ended) { status = ended; });
  EXPECT_TRUE(watch.send_signal(SIGKILL));
  while (!status) fake.loop.turn(true);
  EXPECT_EQ(status->signal, SIGKILL);
}

TEST_F(ChildWatchTest, SendsNoSignalToAChildThatIsGone) {
  Child child = start([] { return 0; });
  bool ended = false;
  ChildWatch watch(std::move(child.pidfd), [&](ExitStatus) { ended = true; });
  while (!ended) fake.loop.turn(true);
  EXPECT_FALSE(watch.send_signal(SIGKILL));
}

TEST_F(ChildWatchTest, SaysNothingOfAChildThatOnlyStopped) {
  Child child = start(sleep_for_ever);
  bool ended = false;
  ChildWatch watch(std::move(child.pidfd), [&](ExitStatus) { ended = true; });
  ASSERT_TRUE(watch.send_signal(SIGSTOP));
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid), &info, WSTOPPED | WNOWAIT), 0);
  fake.loop.turn(false);
  EXPECT_FALSE(ended);
  watch.send_signal(SIGKILL);
  while (!ended) fake.loop.turn(true);
}

TEST_F(ChildWatchTest, MayBeDestroyedInItsCallback) {
  Child child = start([] { return 0; });
  std::unique_ptr<ChildWatch> watch;
  watch = std::make_unique<ChildWatch>(std::move(child.pidfd), [&](ExitStatus) { watch.reset(); });
  while (watch) fake.loop.turn(true);
}

TEST_F(ChildWatchTest, MayBeDestroyedBeforeTheChildEnds) {
  Child child = start(sleep_for_ever);
  {
    ChildWatch watch(std::move(child.pidfd), [](ExitStatus) { FAIL(); });
  }
  ::kill(child.pid, SIGKILL);
  EXPECT_EQ(::waitpid(child.pid, nullptr, 0), child.pid);
  fake.loop.turn(false);
}

TEST(ExitStatus, SaysInWordsHowItEnded) {
  EXPECT_EQ((ExitStatus{.code = 3, .signal = 0}.text()), "exited with code 3");
  EXPECT_EQ((ExitStatus{.code = 0, .signal = SIGSEGV}.text()), "was killed by SIGSEGV");
  EXPECT_EQ((ExitStatus{.code = 0, .signal = 40}.text()), "was killed by signal 40");
}

// A child of a child of ours: `reaped` by its parent, or left a zombie by it for a while.
ExitStatus end_of_grandchild(FakeLoop& fake, const std::function<int()>& body, bool reaped) {
  std::array<int, 2> tell{}, wait{};
  EXPECT_EQ(::pipe(tell.data()), 0);
  EXPECT_EQ(::pipe(wait.data()), 0);
  const Child parent = start([&] {
    const Child child = start([&] {
      char go = 0;
      return ::read(wait[0], &go, 1) == 1 ? body() : 1;
    });
    if (::write(tell[1], &child.pid, sizeof child.pid) != sizeof child.pid) return 1;
    if (reaped) ::waitpid(child.pid, nullptr, 0);
    while (!reaped) ::pause();
    return 0;
  });
  pid_t pid = 0;
  EXPECT_EQ(::read(tell[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  std::optional<ExitStatus> status;
  ChildWatch watch(Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
                   [&](ExitStatus ended) { status = ended; });
  EXPECT_EQ(::write(wait[1], "x", 1), 1);
  if (reaped) ::waitpid(parent.pid, nullptr, 0);
  while (!status) fake.loop.turn(true);
  if (!reaped) {
    ::kill(parent.pid, SIGKILL);
    ::waitpid(parent.pid, nullptr, 0);
  }
  for (const int fd : {tell[0], tell[1], wait[0], wait[1]}) ::close(fd);
  return *status;
}

TEST_F(ChildWatchTest, TellsHowAnothersChildEndedThatIsAZombie) {
  EXPECT_EQ(end_of_grandchild(
                fake, [] { return 3; }, false)
                .code,
            3);
  const ExitStatus killed = end_of_grandchild(
      fake, [] { return ::raise(SIGKILL); }, false);
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_TRUE(killed.known);
}

TEST_F(ChildWatchTest, TellsThatAnothersChildEndedThatIsReaped) {
  // How it ended only newer kernels say.
  const ExitStatus status = end_of_grandchild(
      fake, [] { return 3; }, true);
  if (status.known) EXPECT_EQ(status.code, 3);
}

TEST(ExitStatusText, SaysWhenItIsNotKnown) {
  EXPECT_EQ(ExitStatus{.known = false}.text(), "ended, how is not known");
  EXPECT_FALSE(ExitStatus{.known = false}.success());
}

}  // namespace
}  // namespace brigade
