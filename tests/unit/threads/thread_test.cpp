#include "threads/thread.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_SANITIZED 1
#endif
#endif

namespace brigade::detail {
namespace {

std::string own_name() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

TEST(ThreadTest, RunsItsBodyAndIsJoined) {
  int value = 0;
  Thread thread = Thread::start({}, [&value] { value = 7; }).value();
  EXPECT_TRUE(thread.joinable());
  thread.join();
  EXPECT_FALSE(thread.joinable());
  EXPECT_EQ(value, 7);
}

TEST(ThreadTest, HasTheNameCutToFifteenBytes) {
  std::string name;
  std::string inherited;
  Thread::start({.name = "a-name-of-twenty-one"}, [&name] { name = own_name(); }).value().join();
  Thread::start({}, [&inherited] { inherited = own_name(); }).value().join();
  EXPECT_EQ(name, "a-name-of-twent");
  EXPECT_EQ(inherited, own_name());
}

TEST(ThreadTest, HasAStackOfTheSizeAskedForRoundedToPages) {
  std::size_t size = 0;
  Thread::start({.stack_size = 1'000'000}, [&size] {
    pthread_attr_t attributes;
    ::pthread_getattr_np(::pthread_self(), &attributes);
    ::pthread_attr_getstacksize(&attributes, &size);
    ::pthread_attr_destroy(&attributes);
  }).value();
  EXPECT_GE(size, 1'000'000U);
  EXPECT_LT(size, 1'100'000U);
}

TEST(ThreadTest, GetsTheSystemsMinimumWhenAskedForATinyStack) {
  std::atomic<bool> ran{false};
  Thread::start({.stack_size = 1}, [&ran] { ran = true; }).value().join();
  EXPECT_TRUE(ran);
}

TEST(ThreadTest, TakesNoSignalsButThoseOfAFault) {
  sigset_t mask;
  sigset_t before;
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  Thread::start({}, [&mask] { ::pthread_sigmask(SIG_SETMASK, nullptr, &mask); }).value().join();
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM}) {
    EXPECT_TRUE(sigismember(&mask, signal)) << signal;
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    EXPECT_FALSE(sigismember(&mask, signal)) << signal;
  }
}

TEST(ThreadTest, TellsItsKernelNumber) {
  std::atomic<pid_t> own{0};
  Thread thread = Thread::start({}, [&own] { own = ::gettid(); }).value();
  const pid_t told = thread.tid();
  EXPECT_EQ(thread.tid(), told);
  thread.join();
  EXPECT_EQ(told, own);
  EXPECT_NE(told, ::getpid());
}

TEST(ThreadTest, JoinsInItsDestructorAndWhenAssignedTo) {
  std::atomic<int> ended{0};
  {
    Thread thread = Thread::start({}, [&ended] { ++ended; }).value();
    thread = Thread::start({}, [&ended] { ++ended; }).value();
    EXPECT_GE(ended, 1);
  }
  EXPECT_EQ(ended, 2);
}

TEST(ThreadTest, WhatTheBodyCapturedIsGoneWhenTheJoinReturns) {
  auto kept = std::make_shared<int>(1);
  Thread thread = Thread::start({}, [kept] {}).value();
  thread.join();
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(ThreadTest, IsAnErrorWhereTheSystemHasNoRoom) {
#ifdef BRIGADE_SANITIZED
  GTEST_SKIP() << "a sanitizer reports the failed mapping itself";
#endif
  const auto refused = Thread::start({.name = "huge", .stack_size = std::size_t{1} << 46}, [] {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), EAGAIN);
  EXPECT_NE(refused.error().message().find("\"huge\""), std::string::npos);
}

TEST(ThreadDeathTest, ThatJoinsItselfEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Thread thread;
        std::atomic<bool> ready{false};
        thread = Thread::start({}, [&] {
                   while (!ready) {
                   }
                   thread.join();
                 }).value();
        ready = true;
        ::pause();
      },
      "");
}

}  // namespace
}  // namespace brigade::detail
