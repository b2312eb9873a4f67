#include "threads/pool_figures.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/cpu_time.hpp"

namespace brigade::detail {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(ThreadFiguresTest, GiveCountMeanQuantilesAndMaximum) {
  ThreadFigures figures;
  for (int i = 1; i <= 100; ++i) figures.record(0, microseconds(i), milliseconds(2));
  FiguresSum sum;
  sum.add(figures);
  const PoolTimes wait = sum.wait();
  EXPECT_EQ(wait.count, 100U);
  EXPECT_EQ(wait.mean, Duration(50'500));
  EXPECT_EQ(wait.p50, microseconds(50));
  EXPECT_GE(wait.p99, microseconds(99));
  EXPECT_EQ(wait.max, microseconds(100));
  EXPECT_EQ(sum.run().p90, milliseconds(2));
  EXPECT_EQ(sum.run_ns(), 200'000'000U);
}

TEST(ThreadFiguresTest, KeepTheMeanOfJobsShorterThanAMicrosecond) {
  ThreadFigures figures;
  for (int i = 0; i < 10; ++i) figures.record(0, Duration(100), Duration(300));
  FiguresSum sum;
  sum.add(figures);
  EXPECT_EQ(sum.wait().mean, Duration(100));
  EXPECT_EQ(sum.run().mean, Duration(300));
  EXPECT_EQ(sum.run().p50, microseconds(1));
}

TEST(ThreadFiguresTest, TakeTimesBelowZeroForZero) {
  ThreadFigures figures;
  figures.record(0, Duration(-5), Duration(0));
  FiguresSum sum;
  sum.add(figures);
  EXPECT_EQ(sum.wait().count, 1U);
  EXPECT_EQ(sum.wait().max, Duration::zero());
}

TEST(ThreadFiguresTest, BeginAnewWithANewEpoch) {
  ThreadFigures figures;
  figures.record(0, milliseconds(7), milliseconds(7));
  EXPECT_EQ(figures.epoch(), 0U);
  figures.record(1, milliseconds(1), milliseconds(2));
  EXPECT_EQ(figures.epoch(), 1U);
  FiguresSum sum;
  sum.add(figures);
  EXPECT_EQ(sum.wait().count, 1U);
  EXPECT_EQ(sum.wait().max, milliseconds(1));
  EXPECT_EQ(sum.run().mean, milliseconds(2));
}

TEST(FiguresSumTest, AddsUpThreads) {
  ThreadFigures one;
  ThreadFigures two;
  one.record(0, milliseconds(1), milliseconds(10));
  two.record(0, milliseconds(3), milliseconds(20));
  FiguresSum sum;
  sum.add(one);
  sum.add(two);
  EXPECT_EQ(sum.wait().count, 2U);
  EXPECT_EQ(sum.wait().mean, milliseconds(2));
  EXPECT_EQ(sum.run().max, milliseconds(20));
}

TEST(FiguresSumTest, IsAllZerosOfNothing) {
  EXPECT_EQ(FiguresSum().run().count, 0U);
  EXPECT_EQ(FiguresSum().run().mean, Duration::zero());
}

TEST(CpuShareTest, CountsTimeOnTheCpuAndNotAsleep) {
  CpuShare share;
  share.begin(monotonic_now());
  const std::uint64_t before = thread_cpu_ns();
  while (thread_cpu_ns() - before < 2'000'000) {
  }
  std::this_thread::sleep_for(milliseconds(20));
  const std::uint64_t used = share.take(monotonic_now());
  EXPECT_GE(used, 2'000'000U);
  EXPECT_LT(used, thread_cpu_ns() - before + 1'000'000);
}

TEST(CpuShareTest, LeavesOutWhatWasSpun) {
  CpuShare share;
  share.begin(monotonic_now());
  share.spun(std::chrono::hours(1));
  EXPECT_EQ(share.take(monotonic_now()), 0U);
  const std::uint64_t before = thread_cpu_ns();
  while (thread_cpu_ns() - before < 1'000'000) {
  }
  EXPECT_GE(share.take(monotonic_now()), 1'000'000U) << "only once";
}

TEST(CpuShareTest, IsDueOnceInAnInterval) {
  CpuShare share;
  const TimePoint now = monotonic_now();
  share.begin(now);
  EXPECT_FALSE(share.due(now + CpuShare::interval - Duration(1)));
  EXPECT_TRUE(share.due(now + CpuShare::interval));
}

}  // namespace
}  // namespace brigade::detail
