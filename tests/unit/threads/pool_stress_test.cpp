#include <gtest/gtest.h>
#include <brigade/task_group.hpp>
#include <brigade/thread_pool.hpp>
#include "support/counted.hpp"

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace brigade {
namespace {

class PoolStressTest : public testing_support::NothingLeft {};

Task<> one_after_another(ThreadPool pool, int jobs, std::uint64_t& sum) {
  for (int i = 0; i < jobs; ++i) {
    const int got = co_await pool.run([](int value) { return value + 1; }, i);
    sum += static_cast<std::uint64_t>(got);
  }
}

// So many tasks at a time, each with one job at a time.
std::uint64_t run_jobs(ThreadPool pool, int tasks, int jobs_each) {
  Loop loop;
  TaskGroup group;
  std::uint64_t sum = 0;
  for (int i = 0; i < tasks; ++i) group.spawn(one_after_another(pool, jobs_each, sum));
  loop.run([](TaskGroup& all) -> Task<> { co_await all.join(); }(group));
  return sum;
}

TEST_F(PoolStressTest, TwoLoopsOnTwoThreadsShareAPool) {
  ThreadPool pool({.threads = 2});
  std::uint64_t here = 0;
  std::uint64_t there = 0;
  std::thread other([&] { there = run_jobs(pool, 4, 500); });
  here = run_jobs(pool, 4, 500);
  other.join();
  EXPECT_EQ(here, 4U * 500 * 501 / 2);
  EXPECT_EQ(there, here);
}

TEST_F(PoolStressTest, FourLoopsHaveTwentyThousandJobsDoneEach) {
  PoolMeter meter{};
  std::vector<std::uint64_t> sums(4);
  {
    ThreadPool pool({.threads = 4, .meter = &meter});
    std::vector<std::thread> threads;
    for (std::uint64_t& sum : sums) {
      threads.emplace_back([&sum, pool] { sum = run_jobs(pool, 20, 1000); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  for (const std::uint64_t sum : sums) EXPECT_EQ(sum, 20U * 1000 * 1001 / 2);
  EXPECT_EQ(meter.done.get(), 80'000U);
  EXPECT_EQ(meter.queued.get(), 0U);
  EXPECT_EQ(meter.busy.get(), 0U);
}

TEST_F(PoolStressTest, TasksAreDestroyedInTheMiddleOfTheirJobs) {
  ThreadPool pool({.threads = 2});
  for (int round = 0; round < 200; ++round) {
    std::uint64_t sum = 0;
    Loop inner;
    std::vector<Task<>> tasks;
    std::vector<std::unique_ptr<detail::TaskScope>> scopes;
    for (int i = 0; i < 8; ++i) {
      tasks.push_back(one_after_another(pool, 1000, sum));
      scopes.push_back(std::make_unique<detail::TaskScope>("short-lived", nullptr));
      tasks.back().start(nullptr, scopes.back().get());
    }
    for (int i = 0; i < round % 7; ++i) inner.turn(false);
    tasks.clear();
  }
}

}  // namespace
}  // namespace brigade
