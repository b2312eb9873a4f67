#include <gtest/gtest.h>
#include <brigade/blocking.hpp>
#include "support/blocker.hpp"
#include "support/counted.hpp"
#include "support/pool_attempt.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/cpu_time.hpp"

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::attempt;
using testing_support::Blocker;
using testing_support::Ended;
using testing_support::eventually;
using testing_support::join;

class PoolStatsTest : public testing_support::NothingLeft {
 protected:
  template <class Job>
  void run_jobs(const ThreadPool& pool, int count, Job job) {
    for (int i = 0; i < count; ++i) {
      Ended ended;
      loop.run(attempt(pool, {}, job, ended));
    }
  }
  Loop loop;
};

void burn(Duration cpu) {
  const std::uint64_t until = detail::thread_cpu_ns() + static_cast<std::uint64_t>(cpu.count());
  while (detail::thread_cpu_ns() < until) {
  }
}

TEST_F(PoolStatsTest, CountJobsAndTheirTimes) {
  const ThreadPool pool({.max_queue = 1, .min_threads = 1, .max_threads = 1});
  Blocker blocker;
  std::deque<Ended> endings(3);
  TaskGroup group;
  group.spawn(attempt(pool, {}, [&] { blocker.block(); }, endings[0]));
  blocker.wait_until_begun();
  group.spawn(attempt(pool, {}, [] { throw std::runtime_error("on purpose"); }, endings[1]));
  group.spawn(attempt(pool, {}, [] {}, endings[2]));
  const PoolStats before = pool.stats();
  EXPECT_EQ(before.busy, 1U);
  EXPECT_EQ(before.queued, 1U);
  EXPECT_EQ(before.done, 0U);
  EXPECT_GT(before.utilization, 0.0) << "what runs counts before it has ended";
  std::this_thread::sleep_for(2ms);
  blocker.let_go();
  join(loop, group);
  const PoolStats stats = pool.stats();
  EXPECT_EQ(stats.threads, 1U);
  EXPECT_EQ(stats.max_threads, 1U);
  EXPECT_EQ(stats.done, 2U);
  EXPECT_EQ(stats.failed, 1U);
  EXPECT_EQ(stats.refused, 1U);
  EXPECT_EQ(stats.run.count, 2U);
  EXPECT_EQ(stats.wait.count, 2U);
  EXPECT_GE(stats.run.max, 2ms);
  EXPECT_GE(stats.wait.max, 2ms) << "the second waited for the first";
  EXPECT_GE(stats.run.mean, 1ms);
  EXPECT_LE(stats.run.p50, stats.run.p99);
  EXPECT_GT(stats.utilization, 0.0);
  EXPECT_LE(stats.utilization, 1.0);
}

TEST_F(PoolStatsTest, BeginAnewWhenTheyAreReset) {
  const ThreadPool pool({.threads = 1});
  run_jobs(pool, 3, [] { burn(1ms); });
  pool.reset_stats();
  PoolStats stats = pool.stats();
  EXPECT_EQ(stats.done, 0U);
  EXPECT_EQ(stats.run.count, 0U);
  EXPECT_EQ(stats.run.max, Duration::zero());
  run_jobs(pool, 1, [] {});
  stats = pool.stats();
  EXPECT_EQ(stats.done, 1U);
  EXPECT_EQ(stats.run.count, 1U);
}

TEST_F(PoolStatsTest, KeepWhatThreadsDidThatHaveEnded) {
  const ThreadPool pool({.threads = 1, .recycle_after = 1});
  run_jobs(pool, 5, [] {});
  EXPECT_EQ(pool.stats().run.count, 5U);
}

TEST_F(PoolStatsTest, ShowWhetherJobsComputeOrWait) {
  PoolMeter meter{};
  const ThreadPool computing({.threads = 1, .meter = &meter});
  const ThreadPool waiting({.threads = 1});
  EXPECT_EQ(computing.stats().cpu_ratio, 1.0);
  run_jobs(computing, 2, [] { burn(3ms); });
  run_jobs(waiting, 2, [] { std::this_thread::sleep_for(20ms); });
  EXPECT_GE(meter.cpu_ns.get(), 6'000'000U);
  EXPECT_GE(meter.run_ns.get(), meter.cpu_ns.get());
  EXPECT_LT(waiting.stats().cpu_ratio, 0.5);
}

TEST_F(PoolStatsTest, CountTheTimeOfShortJobsWhenTheThreadGoesToSleep) {
  PoolMeter meter{};
  const ThreadPool pool({.threads = 1, .meter = &meter});
  run_jobs(pool, 10, [] {});
  EXPECT_TRUE(eventually([&] { return meter.cpu_ns.get() > 0 && meter.run_ns.get() > 0; }));
}

TEST_F(PoolStatsTest, RunningJobsAreListedWithTheirNames) {
  const ThreadPool pool({.threads = 2});
  Blocker one;
  Blocker two;
  TaskGroup group;
  std::deque<Ended> endings(2);
  const TimePoint before = monotonic_now();
  group.spawn(attempt(pool, {.name = "thumbnail"}, [&] { one.block(); }, endings[0]));
  one.wait_until_begun();
  group.spawn(attempt(pool, {}, [&] { two.block(); }, endings[1]), "GET /report");
  two.wait_until_begun();
  const auto jobs = pool.running();
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0].name, "thumbnail");
  EXPECT_EQ(jobs[1].name, "GET /report") << "the task's own, where the job has none";
  EXPECT_GE(jobs[0].since, before);
  EXPECT_LE(jobs[0].since, jobs[1].since);
  EXPECT_NE(jobs[0].thread, jobs[1].thread);
  one.let_go();
  two.let_go();
  join(loop, group);
  EXPECT_TRUE(pool.running().empty());
}

TEST_F(PoolStatsTest, PoolWhoseJobsOnlyWaitSaysSoOnce) {
  testing::internal::CaptureStderr();
  const ThreadPool pool({.name = "fetch", .threads = 1});
  run_jobs(pool, 70, [] { std::this_thread::sleep_for(10ms); });
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("pool \"fetch\": its jobs spent only"), std::string::npos) << log;
  EXPECT_EQ(log.find("they wait"), log.rfind("they wait")) << log;
}

TEST_F(PoolStatsTest, PoolThatIsMeantForWaitingSaysNothing) {
  testing::internal::CaptureStderr();
  const ThreadPool pool({.expect_blocking = true, .threads = 1});
  run_jobs(pool, 60, [] { std::this_thread::sleep_for(3ms); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(PoolStatsTest, BlockingRunsOnThreadsApartFromThePools) {
  const std::string name = loop.run([]() -> Task<std::string> {
    co_return co_await blocking(
        [](std::string prefix) {
          char own[16] = {};
          ::pthread_getname_np(::pthread_self(), own, sizeof own);
          return prefix + own;
        },
        std::string("on "));
  }());
  EXPECT_EQ(name.substr(0, 12), "on blocking-");
  const PoolStats stats = blocking_pool().stats();
  EXPECT_EQ(stats.min_threads, 0U);
  EXPECT_EQ(stats.max_threads, 16U);
  loop.run([]() -> Task<> {
    const int sum = co_await blocking({.name = "sum"}, [](int a, int b) { return a + b; }, 1, 2);
    EXPECT_EQ(sum, 3);
  }());
}

}  // namespace
}  // namespace brigade
