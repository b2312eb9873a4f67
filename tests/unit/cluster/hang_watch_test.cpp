#include "cluster/hang_watch.hpp"

#include <gtest/gtest.h>

namespace brigade::cluster {
namespace {

using namespace std::chrono_literals;
using Verdict = HangWatch::Verdict;

// A worker that is looked at once a second, with a limit of 10.
class HangWatchTest : public testing::Test {
 protected:
  /// What is said after a look at `sample`, `later` than the last.
  Verdict look(Duration later = 1s) { return watch.look(sample, now += later, limits); }
  static std::uint64_t ns(Duration time) { return static_cast<std::uint64_t>(time.count()); }
  void begin_turn() {
    ++sample.turns;
    sample.busy_since_ns = ns(now.time_since_epoch()) + 1;
  }

  HangLimits limits{1s, 2s, 10s};
  HangSample sample;
  HangWatch watch;
  TimePoint now{1000s};
};

TEST_F(HangWatchTest, SaysThatALoopSleepsOnceItHasSeenItTwiceAlike) {
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(look(), Verdict::asleep);
  ++sample.turns;
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(look(), Verdict::asleep);
}

TEST_F(HangWatchTest, ReportsABlockedLoopOnceAndFindsItHangingAtTheLimit) {
  begin_turn();
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(look(), Verdict::stalls);
  for (int second = 3; second < 10; ++second) EXPECT_EQ(look(), Verdict::working) << second;
  EXPECT_EQ(look(), Verdict::hangs);
  EXPECT_EQ(watch.stuck(), 10s);
}

TEST_F(HangWatchTest, ForgetsAStallWhenTheLoopGoesOn) {
  begin_turn();
  for (int second = 0; second < 9; ++second) look();
  begin_turn();
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(look(), Verdict::stalls);
}

TEST_F(HangWatchTest, NeverTakesABusyLoopForAHangingOne) {
  for (int second = 0; second < 100; ++second) {
    begin_turn();
    EXPECT_EQ(look(), Verdict::working);
  }
}

TEST_F(HangWatchTest, FindsASpinningLoopByTheCpuItUses) {
  begin_turn();
  sample.runnable = true;
  int looks = 0;
  while (look() != Verdict::hangs) {
    sample.ran_ns += ns(1s);
    ASSERT_LT(++looks, 100);
  }
  EXPECT_EQ(looks, 10);
  EXPECT_TRUE(watch.spins());
}

TEST_F(HangWatchTest, GivesAStarvedLoopItsTime) {
  begin_turn();
  sample.runnable = true;
  for (int second = 0; second < 150; ++second) {
    ASSERT_NE(look(), Verdict::hangs) << second;
    sample.ran_ns += ns(50ms);  // a quota of a twentieth
    sample.waited_ns += ns(1s);
  }
}

TEST_F(HangWatchTest, DoesNotCountTheTimeABlockedLoopWaitedForACpu) {
  begin_turn();
  for (int second = 0; second < 15; ++second) {
    ASSERT_NE(look(), Verdict::hangs) << second;
    sample.waited_ns += ns(500ms);
  }
}

TEST_F(HangWatchTest, FindsAStoppedWorkerHangingWhetherItWasBusyOrNot) {
  sample.stopped = true;
  int looks = 0;
  while (look() != Verdict::hangs) ASSERT_LT(++looks, 100);
  EXPECT_EQ(looks, 10);
  sample.stopped = false;
  EXPECT_EQ(look(), Verdict::asleep);
}

TEST_F(HangWatchTest, CountsNoTimeInWhichNobodyLooked) {
  begin_turn();
  look();
  EXPECT_EQ(look(3600s), Verdict::working);
  EXPECT_EQ(watch.stuck(), 0s);
  EXPECT_EQ(look(), Verdict::working);
  EXPECT_EQ(watch.stuck(), 1s);
}

TEST_F(HangWatchTest, CanBeTurnedOff) {
  limits.stall_after = limits.hang_after = 0s;
  begin_turn();
  for (int second = 0; second < 100; ++second) EXPECT_EQ(look(), Verdict::working);
}

}  // namespace
}  // namespace brigade::cluster
