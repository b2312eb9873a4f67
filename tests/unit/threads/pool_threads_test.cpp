// What a pool's threads look like from outside: names, niceness, signals, figures, their end.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <brigade/system.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>
#include "support/blocker.hpp"
#include "support/counted.hpp"

#include <atomic>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRIGADE_SANITIZED 1
#endif
#endif

namespace brigade {
namespace {

using testing_support::Blocker;

class PoolThreadsTest : public testing_support::NothingLeft {
 protected:
  Loop loop;
};

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int niceness() {
  const std::string stat = read_file("/proc/thread-self/stat");
  std::istringstream words(stat.substr(stat.rfind(')') + 2));
  std::string word;
  for (int field = 3; field <= 19; ++field) words >> word;  // proc(5): nice is field 19
  return std::stoi(word);
}

std::uint64_t blocked_signals() {
  std::istringstream status(read_file("/proc/thread-self/status"));
  for (std::string word; status >> word;) {
    if (word != "SigBlk:") continue;
    status >> word;
    return std::stoull(word, nullptr, 16);
  }
  return 0;
}
bool has(std::uint64_t mask, int signal) {
  return (mask >> (signal - 1) & 1) != 0;
}

template <class Function>
auto on(Loop& loop, ThreadPool pool, Function function) {
  return loop.run([](ThreadPool own, Function job) -> Task<std::invoke_result_t<Function>> {
    co_return co_await own.run(std::move(job));
  }(std::move(pool), std::move(function)));
}
Task<> join(TaskGroup& group) {
  co_await group.join();
}
Task<> block(ThreadPool pool, Blocker& blocker) {
  co_await pool.run([&blocker] { blocker.block(); });
}

TEST_F(PoolThreadsTest, AreNamedAfterThePool) {
  const auto name = on(loop, ThreadPool({.name = "resize", .threads = 1}),
                       [] { return read_file("/proc/thread-self/comm"); });
  EXPECT_EQ(name, "resize-0\n");
}

TEST_F(PoolThreadsTest, AreNicerThanTheLoopsThread) {
  const int before = niceness();
  const auto pool_nice = on(loop, ThreadPool({.threads = 1, .nice = 7}), niceness);
  EXPECT_EQ(pool_nice, std::min(before + 7, 19));
  EXPECT_EQ(niceness(), before);
}

TEST_F(PoolThreadsTest, TakeNoSignalsButThoseOfAFault) {
  sigset_t before;
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ThreadPool pool({.threads = 1});
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  const auto blocked = on(loop, pool, blocked_signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM}) {
    EXPECT_TRUE(has(blocked, signal)) << signal;
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    EXPECT_FALSE(has(blocked, signal)) << signal;
  }
}

TEST_F(PoolThreadsTest, AreAsManyAsTheProcessMayUseCpusByDefault) {
  EXPECT_EQ(ThreadPool().threads(), available_parallelism());
}

TEST_F(PoolThreadsTest, HaveEndedWhenTheLastHandleIsGone) {
  struct AtThreadEnd {
    ~AtThreadEnd() { *ended = true; }
    std::atomic<bool>* ended = nullptr;
  };
  std::atomic<bool> ended{false};
  std::optional<ThreadPool> pool(ThreadPoolOptions{.threads = 1});
  std::optional<ThreadPool> copy(pool);
  on(loop, *pool, [&ended] {
    thread_local AtThreadEnd guard;
    guard.ended = &ended;
  });
  pool.reset();
  EXPECT_FALSE(ended);
  copy.reset();
  EXPECT_TRUE(ended);
}

TEST_F(PoolThreadsTest, EndWithTheFrameThatHeldTheLastHandle) {
  // The job's own frame may be the last to know the pool.
  const int sum = loop.run([]() -> Task<int> {
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 2});
    auto job = pool->run([] { return 6; });
    pool.reset();
    co_return co_await job;
  }());
  EXPECT_EQ(sum, 6);
}

TEST_F(PoolThreadsTest, CountWhatTheyDo) {
  PoolMeter meter{};
  {
    ThreadPool pool({.max_queue = 1, .threads = 1, .meter = &meter});
    EXPECT_EQ(meter.threads.get(), 1U);
    Blocker blocker;
    TaskGroup group([](const char*, const std::exception_ptr&) {});
    group.spawn(block(pool, blocker));
    blocker.wait_until_begun();
    EXPECT_EQ(meter.busy.get(), 1U);
    group.spawn([](ThreadPool own) -> Task<> {
      co_await own.run([] { throw std::runtime_error("on purpose"); });
    }(pool));
    EXPECT_EQ(meter.queued.get(), 1U);
    EXPECT_EQ(pool.queued(), 1U);
    group.spawn([](ThreadPool own) -> Task<> { co_await own.run([] {}); }(pool));
    EXPECT_EQ(meter.refused.get(), 1U);
    blocker.let_go();
    loop.run(join(group));
    EXPECT_EQ(meter.done.get(), 2U);
    EXPECT_EQ(meter.failed.get(), 1U);
    EXPECT_EQ(meter.queued.get(), 0U);
    EXPECT_EQ(meter.busy.get(), 0U);
  }
  EXPECT_EQ(meter.threads.get(), 0U);
}

TEST_F(PoolThreadsTest, OfTwoPoolsCountTogether) {
  PoolMeter meter{};
  const ThreadPool one({.threads = 1, .meter = &meter});
  const ThreadPool two({.threads = 2, .meter = &meter});
  EXPECT_EQ(meter.threads.get(), 3U);
}

#ifndef BRIGADE_SANITIZED  // a sanitizer needs more address space than these tests leave

// Room for so many more bytes of address space, while it lives.
class TightMemory {
 public:
  explicit TightMemory(rlim_t room) {
    const std::string statm = read_file("/proc/self/statm");
    const rlim_t used = std::stoull(statm) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
    ::getrlimit(RLIMIT_AS, &before_);
    const rlimit tight{used + room, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  }
  ~TightMemory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

TEST_F(PoolThreadsTest, ThatTheSystemRefusesLeaveAPoolOfTheOthers) {
  testing::internal::CaptureStderr();
  PoolMeter meter{};
  {
    std::optional<ThreadPool> pool;
    {
      const TightMemory memory(rlim_t{256} << 20);
      pool.emplace(
          ThreadPoolOptions{.threads = 5000, .stack_size = std::size_t{8} << 20, .meter = &meter});
    }
    EXPECT_GT(pool->threads(), 0U);
    EXPECT_LT(pool->threads(), 5000U);
    EXPECT_EQ(meter.threads.get(), pool->threads());
    EXPECT_EQ(on(loop, *pool, [] { return 5; }), 5);
  }
  EXPECT_EQ(meter.threads.get(), 0U);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("of 5000 threads"), std::string::npos);
}

TEST_F(PoolThreadsTest, ThatTheSystemAllRefusesAreAnExceptionAndLeaveNothingBehind) {
  testing::internal::CaptureStderr();
  PoolMeter meter{};
  EXPECT_THROW(ThreadPool({.threads = 2, .stack_size = std::size_t{1} << 46, .meter = &meter}),
               std::system_error);
  EXPECT_EQ(meter.threads.get(), 0U);
  testing::internal::GetCapturedStderr();
}

TEST_F(PoolThreadsTest, ThatTheSystemRefusesWhenAJobNeedsOneAreAnErrorOfTheJob) {
  testing::internal::CaptureStderr();
  const ThreadPool pool({.min_threads = 0, .max_threads = 2, .stack_size = std::size_t{1} << 46});
  for (int i = 0; i < 3; ++i) EXPECT_THROW(on(loop, pool, [] { return 5; }), PoolUnavailable);
  EXPECT_EQ(pool.threads(), 0U);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.find("it goes on with 0 of 2"), log.rfind("it goes on with 0 of 2"))
      << "once, not for each job: " << log;
}

#endif

}  // namespace
}  // namespace brigade
