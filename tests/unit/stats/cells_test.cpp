#include <brigade/cells.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace brigade::stats {
namespace {

TEST(Counter, WrapsWithoutAStall) {
  Counter counter;
  counter.set(UINT64_MAX);
  counter.add(2);
  EXPECT_EQ(counter.get(), 1u);
}

TEST(SharedCounter, LosesNothingAmongThreads) {
  SharedCounter counter;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 10'000; ++n) counter.add();
    });
  }
  threads.clear();
  EXPECT_EQ(counter.get(), 40'000u);
}

TEST(Gauge, ReadsAsZeroBelowZero) {
  Gauge gauge;
  gauge.add(2);
  gauge.sub(3);
  EXPECT_EQ(gauge.get(), 0u);
  gauge.add(2);
  EXPECT_EQ(gauge.get(), 1u);
}

TEST(SharedGauge, ReadsAsZeroBelowZero) {
  SharedGauge gauge;
  gauge.sub();
  EXPECT_EQ(gauge.get(), 0u);
}

}  // namespace
}  // namespace brigade::stats
