#include <gtest/gtest.h>
#include <unistd.h>
#include <brigade/signal.hpp>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "support/fake_loop.hpp"

namespace brigade {
namespace {

using testing_support::FakeLoop;

void (*handler_of(int signal))(int) {
  struct sigaction now{};
  ::sigaction(signal, nullptr, &now);
  return now.sa_handler;
}

class SignalWatchTest : public testing::Test {
 protected:
  SignalWatchTest() { ::signal(SIGUSR1, SIG_IGN); }
  ~SignalWatchTest() override { ::signal(SIGUSR1, SIG_DFL); }

  FakeLoop fake;
};

TEST_F(SignalWatchTest, CallsBackFromTheLoopAndNotFromTheHandler) {
  int calls = 0;
  SignalWatch watch(SIGUSR1, [&] { ++calls; });
  ::raise(SIGUSR1);
  EXPECT_EQ(calls, 0);
  fake.loop.turn(false);
  EXPECT_EQ(calls, 1);
}

TEST_F(SignalWatchTest, CountsABurstAtLeastOnceAndNotMoreThanItWas) {
  int calls = 0;
  SignalWatch watch(SIGUSR1, [&] { ++calls; });
  for (int i = 0; i < 10; ++i) ::raise(SIGUSR1);
  for (int i = 0; i < 20; ++i) fake.loop.turn(false);
  EXPECT_GE(calls, 1);
  EXPECT_LE(calls, 10);
}

TEST_F(SignalWatchTest, TellsOfASignalAfterTheFirst) {
  int calls = 0;
  SignalWatch watch(SIGUSR1, [&] { ++calls; });
  for (int i = 0; i < 3; ++i) {
    ::raise(SIGUSR1);
    fake.loop.turn(false);
  }
  EXPECT_EQ(calls, 3);
}

TEST_F(SignalWatchTest, CallsEveryWatchOfASignal) {
  int first = 0;
  int second = 0;
  SignalWatch one(SIGUSR1, [&] { ++first; });
  SignalWatch two(SIGUSR1, [&] { ++second; });
  ::raise(SIGUSR1);
  fake.loop.turn(false);
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST_F(SignalWatchTest, IsNotCalledForAnotherSignal) {
  int calls = 0;
  SignalWatch watch(SIGUSR1, [&] { ++calls; });
  SignalWatch other(SIGUSR2, [] {});
  ::raise(SIGUSR2);
  fake.loop.turn(false);
  EXPECT_EQ(calls, 0);
}

TEST_F(SignalWatchTest, GivesTheDispositionBackWithTheLastWatch) {
  {
    std::optional<SignalWatch> one;
    one.emplace(SIGUSR1, [] {});
    const auto installed = handler_of(SIGUSR1);
    EXPECT_NE(installed, SIG_IGN);
    SignalWatch two(SIGUSR1, [] {});
    one.reset();
    EXPECT_EQ(handler_of(SIGUSR1), installed);
  }
  EXPECT_EQ(handler_of(SIGUSR1), SIG_IGN);
}

TEST_F(SignalWatchTest, LeavesTheOthersWhenOneIsDestroyed) {
  int calls = 0;
  std::optional<SignalWatch> one;
  one.emplace(SIGUSR1, [] { FAIL(); });
  SignalWatch two(SIGUSR1, [&] { ++calls; });
  one.reset();
  ::raise(SIGUSR1);
  fake.loop.turn(false);
  EXPECT_EQ(calls, 1);
}

TEST_F(SignalWatchTest, MayBeDestroyedInItsCallback) {
  std::unique_ptr<SignalWatch> watch;
  int calls = 0;
  watch = std::make_unique<SignalWatch>(SIGUSR1, [&] {
    ++calls;
    watch.reset();
  });
  ::raise(SIGUSR1);
  fake.loop.turn(false);
  fake.loop.turn(false);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(handler_of(SIGUSR1), SIG_IGN);
}

TEST_F(SignalWatchTest, CanBeMadeAgainAfterItsEnd) {
  int calls = 0;
  for (int i = 0; i < 20; ++i) {
    SignalWatch watch(SIGUSR1, [&] { ++calls; });
    ::raise(SIGUSR1);
    fake.loop.turn(false);
  }
  EXPECT_EQ(calls, 20);
}

TEST_F(SignalWatchTest, DoesNotBlockTheSignal) {
  SignalWatch watch(SIGUSR1, [] {});
  sigset_t blocked;
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(::sigismember(&blocked, SIGUSR1), 0);
}

TEST_F(SignalWatchTest, KeepsErrnoForTheCodeThatWasInterrupted) {
  SignalWatch watch(SIGUSR1, [] {});
  errno = ENOTEMPTY;
  ::raise(SIGUSR1);
  EXPECT_EQ(errno, ENOTEMPTY);
}

TEST_F(SignalWatchTest, RefusesTooManyForOneSignalAndStaysUsable) {
  std::vector<std::unique_ptr<SignalWatch>> watches;
  for (int i = 0; i < 8; ++i) watches.push_back(std::make_unique<SignalWatch>(SIGUSR1, [] {}));
  EXPECT_THROW(SignalWatch(SIGUSR1, [] {}), std::logic_error);
  ::raise(SIGUSR1);
  fake.loop.turn(false);
  watches.clear();
  EXPECT_EQ(handler_of(SIGUSR1), SIG_IGN);
}

}  // namespace
}  // namespace brigade
