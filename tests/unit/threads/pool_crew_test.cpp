// How many threads a pool has, when: started on demand, gone when idle, replaced.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include "support/blocker.hpp"
#include "support/counted.hpp"
#include "support/pool_attempt.hpp"

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace brigade {
namespace {

using namespace std::chrono_literals;
using testing_support::attempt;
using testing_support::Blocker;
using testing_support::Ended;
using testing_support::eventually;
using testing_support::join;
using testing_support::until_stopped;

class PoolCrewTest : public testing_support::NothingLeft {
 protected:
  template <class Job>
  Ended& spawn(TaskGroup& group, const ThreadPool& pool, Job job) {
    group.spawn(attempt(pool, {}, std::move(job), endings.emplace_back()));
    return endings.back();
  }
  /// Which thread ran it.
  pid_t run_once(const ThreadPool& pool) {
    return loop.run(
        [](ThreadPool own) -> Task<pid_t> { co_return co_await own.run(::gettid); }(pool));
  }

  Loop loop;
  std::deque<Ended> endings;
};

TEST_F(PoolCrewTest, GrowsFromTheMinimumToTheMaximumAsEndlessJobsArriveAndIsZeroAfterDestroy) {
  const ThreadPool pool({.min_threads = 2, .max_threads = 4});
  EXPECT_EQ(pool.threads(), 2U);
  TaskGroup group;
  std::vector<unsigned> counts;
  for (int i = 0; i < 5; ++i) {
    spawn(group, pool, until_stopped);
    counts.push_back(pool.threads());
  }
  EXPECT_EQ(counts, (std::vector<unsigned>{2, 2, 3, 4, 4}));
  loop.run([](ThreadPool own) -> Task<> { co_await own.destroy(); }(pool));
  EXPECT_EQ(pool.threads(), 0U);
  join(loop, group);
  for (const Ended& each : endings) EXPECT_EQ(each.how, "closed");
}

TEST_F(PoolCrewTest, StartsAllItNeedsForABurstAtOnce) {
  const ThreadPool pool({.min_threads = 0, .max_threads = 8});
  EXPECT_EQ(pool.threads(), 0U);
  TaskGroup group;
  std::deque<Blocker> blockers(8);
  for (Blocker& each : blockers) spawn(group, pool, [&each] { each.block(); });
  EXPECT_EQ(pool.threads(), 8U) << "before any of them has begun its job";
  for (Blocker& each : blockers) each.wait_until_begun();
  for (Blocker& each : blockers) each.let_go();
  join(loop, group);
}

TEST_F(PoolCrewTest, StartsNoThreadForJobsThatComeOneAfterAnother) {
  const ThreadPool pool({.min_threads = 0, .max_threads = 8});
  std::set<pid_t> threads;
  for (int i = 0; i < 100; ++i) threads.insert(run_once(pool));
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_EQ(pool.threads(), 1U);
}

TEST_F(PoolCrewTest, ShrinksToTheMinimumAfterTheIdleTime) {
  const ThreadPool pool({.min_threads = 1, .max_threads = 4, .idle_timeout = 1ms});
  TaskGroup group;
  std::deque<Blocker> blockers(4);
  for (Blocker& each : blockers) spawn(group, pool, [&each] { each.block(); });
  for (Blocker& each : blockers) each.let_go();
  join(loop, group);
  EXPECT_TRUE(eventually([&] { return pool.threads() == 1; }));
  EXPECT_NE(run_once(pool), 0);
  EXPECT_EQ(pool.threads(), 1U);
}

TEST_F(PoolCrewTest, WithMinimumZeroWorksAfterItHasShrunkToNothing) {
  PoolMeter meter{};
  const ThreadPool pool(
      {.min_threads = 0, .max_threads = 1, .idle_timeout = Duration::zero(), .meter = &meter});
  for (int i = 0; i < 20; ++i) {
    EXPECT_NE(run_once(pool), 0);
    if (i % 4 == 0) EXPECT_TRUE(eventually([&] { return pool.threads() == 0; }));
  }
  EXPECT_TRUE(eventually([&] { return meter.threads.get() == 0; }));
}

TEST_F(PoolCrewTest, LosesNoJobThatComesWhenAThreadsIdleTimeIsUp) {
  // The idle time is about what the loop needs from one job to the next, so both happen at once
  // again and again.
  const ThreadPool pool({.min_threads = 0, .max_threads = 2, .idle_timeout = 20us});
  for (int i = 0; i < 2000; ++i) {
    EXPECT_NE(run_once(pool), 0);
    const TimePoint until = monotonic_now() + std::chrono::microseconds(i % 40);
    while (monotonic_now() < until) {
    }
  }
}

TEST_F(PoolCrewTest, KeepsIdleThreadsForEverIfTold) {
  const ThreadPool pool({.min_threads = 0, .max_threads = 2, .idle_timeout = Duration::max()});
  const pid_t first = run_once(pool);
  EXPECT_EQ(run_once(pool), first);
  EXPECT_EQ(pool.threads(), 1U);
}

TEST_F(PoolCrewTest, RefusesAMinimumAboveTheMaximum) {
  EXPECT_THROW(ThreadPool({.min_threads = 3, .max_threads = 2}), std::invalid_argument);
}

TEST_F(PoolCrewTest, ReplacesAThreadAfterSoManyJobs) {
  const ThreadPool pool({.threads = 1, .recycle_after = 3});
  std::vector<int> jobs_of_thread;
  loop.run([](ThreadPool own, std::vector<int>& out) -> Task<> {
    for (int i = 0; i < 9; ++i) {
      const int jobs = co_await own.run([] {
        thread_local int count = 0;
        return ++count;
      });
      out.push_back(jobs);
    }
  }(pool, jobs_of_thread));
  EXPECT_EQ(jobs_of_thread, (std::vector<int>{1, 2, 3, 1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(pool.threads(), 1U);
}

TEST_F(PoolCrewTest, ReplacedThreadsLeaveNoQueuedJobBehind) {
  const ThreadPool pool({.threads = 2, .recycle_after = 1});
  TaskGroup group;
  for (int i = 0; i < 100; ++i) spawn(group, pool, [] {});
  join(loop, group);
  for (const Ended& each : endings) EXPECT_EQ(each.how, "done");
}

TEST_F(PoolCrewTest, WithAThreadPerJobEachHasAFreshOneAndTheMaximumHolds) {
  const ThreadPool pool({.thread_per_job = true, .max_threads = 3});
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> reused{0};
  TaskGroup group;
  for (int i = 0; i < 30; ++i) {
    spawn(group, pool, [&] {
      thread_local bool used = false;
      if (std::exchange(used, true)) ++reused;
      const int now = ++running;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      --running;
    });
  }
  join(loop, group);
  for (const Ended& each : endings) EXPECT_EQ(each.how, "done");
  EXPECT_EQ(reused, 0);
  EXPECT_LE(most, 3);
  EXPECT_TRUE(eventually([&] { return pool.threads() == 0; }));
}

TEST_F(PoolCrewTest, WarnsOnceOfAThreadPerJob) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) const ThreadPool pool({.name = "fresh", .thread_per_job = true});
  const std::string log = testing::internal::GetCapturedStderr();
  // Once in the process: another test may have been first.
  EXPECT_EQ(log.find("thread_per_job"), log.rfind("thread_per_job"));
}

TEST_F(PoolCrewTest, QueueOfAutoSizeHoldsTheSquareOfTheThreads) {
  const ThreadPool pool({.max_queue = ThreadPoolOptions::auto_queue, .threads = 2});
  TaskGroup group;
  for (int i = 0; i < 7; ++i) spawn(group, pool, until_stopped);
  EXPECT_EQ(endings[5].how, "not yet");
  EXPECT_EQ(endings[6].how, "overloaded");
  loop.run([](ThreadPool own) -> Task<> { co_await own.destroy(); }(pool));
  join(loop, group);
}

TEST_F(PoolCrewTest, QueueOfZeroTakesWhatAThreadIsFreeForAndNoMore) {
  const ThreadPool pool({.max_queue = 0, .min_threads = 0, .max_threads = 2});
  TaskGroup group;
  for (int i = 0; i < 3; ++i) spawn(group, pool, until_stopped);
  EXPECT_EQ(endings[1].how, "not yet");
  EXPECT_EQ(endings[2].how, "overloaded");
  loop.run([](ThreadPool own) -> Task<> { co_await own.destroy(); }(pool));
  join(loop, group);
  const ThreadPool again({.max_queue = 0, .threads = 1});
  for (int i = 0; i < 200; ++i) run_once(again);  // there is room when a result is back
}

}  // namespace
}  // namespace brigade
