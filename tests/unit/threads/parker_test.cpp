#include "threads/parker.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace brigade::detail {
namespace {

TEST(ParkerTest, ReturnsAtOnceWhenItWasUnparkedBefore) {
  Parker parker;
  parker.unpark();
  parker.unpark();
  parker.park(TimePoint::max());
}

TEST(ParkerTest, SleepsUntilItIsUnparked) {
  Parker parker;
  std::atomic<bool> told{false};
  std::atomic<bool> seen{false};
  std::thread thread([&] {
    parker.park(TimePoint::max());
    seen = told.load();
  });
  told = true;
  parker.unpark();
  thread.join();
  EXPECT_TRUE(seen);
}

TEST(ParkerTest, EndsAtItsDeadlineAndNotBefore) {
  Parker parker;
  const TimePoint deadline = monotonic_now() + std::chrono::milliseconds(5);
  parker.park(deadline);
  EXPECT_GE(monotonic_now(), deadline);
  parker.park(TimePoint());  // long past
}

TEST(ParkerTest, LosesNoWakeUp) {
  Parker there;
  Parker back;
  std::thread thread([&] {
    for (int i = 0; i < 2000; ++i) {
      there.park(TimePoint::max());
      back.unpark();
    }
  });
  for (int i = 0; i < 2000; ++i) {
    there.unpark();
    back.park(TimePoint::max());
  }
  thread.join();
}

}  // namespace
}  // namespace brigade::detail
