#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include "support/fake_loop.hpp"

#include <chrono>
#include <cstdint>

namespace brigade {
namespace {

using std::chrono::milliseconds;
using testing_support::FakeLoop;

std::uint64_t ns(Duration duration) {
  return static_cast<std::uint64_t>(duration.count());
}

struct Alarm final : Timer {
  void on_timer() override {}
};

class MeterTest : public testing::Test {
 protected:
  /// A turn that computes for so long.
  void work(Duration time) {
    fake.loop.post([this, time] { fake.clock.advance(time); });
    fake.loop.turn(true);
  }
  /// Sleeps for so long; a far timer takes some turns, each of no length.
  void idle(milliseconds time) {
    fake.loop.read_clock();
    fake.loop.arm(alarm, time);
    while (alarm.armed()) fake.loop.turn(true);
  }
  /// The meter learns of a turn at the start of the next.
  void settle() { fake.loop.turn(false); }

  FakeLoop fake;
  Alarm alarm;
};

TEST_F(MeterTest, BusyAndIdleAddUpToAllTheTime) {
  for (int i = 0; i < 10; ++i) {
    work(milliseconds(3));
    idle(milliseconds(7));
  }
  settle();
  const LoopMeter& meter = fake.loop.meter();
  EXPECT_EQ(meter.busy_ns.get() + meter.idle_ns.get(), ns(fake.elapsed()));
  EXPECT_EQ(meter.busy_ns.get(), ns(milliseconds(30)));
}

TEST_F(MeterTest, CountsTurns) {
  for (int i = 0; i < 5; ++i) fake.loop.turn(false);
  EXPECT_EQ(fake.loop.meter().turns.get(), 5U);
}

TEST_F(MeterTest, BusySinceIsZeroWhileTheLoopSleeps) {
  std::uint64_t asleep = 1;
  std::uint64_t awake = 0;
  fake.poller->in_next_wait = [&] { asleep = fake.loop.meter().busy_since_ns.get(); };
  fake.loop.arm(alarm, milliseconds(10));
  fake.loop.turn(true);
  awake = fake.loop.meter().busy_since_ns.get();
  EXPECT_EQ(asleep, 0U);
  EXPECT_EQ(awake, ns(fake.clock.now().time_since_epoch()));
}

TEST_F(MeterTest, BusySinceStandsStillOverTurnsWithoutASleep) {
  idle(milliseconds(10));
  const std::uint64_t since = fake.loop.meter().busy_since_ns.get();
  for (int i = 0; i < 3; ++i) {
    fake.clock.advance(milliseconds(5));
    fake.loop.turn(false);
  }
  EXPECT_EQ(fake.loop.meter().busy_since_ns.get(), since);
}

TEST_F(MeterTest, LagIsTheLongestTurnOfTheLastSecond) {
  work(milliseconds(20));
  work(milliseconds(300));
  work(milliseconds(5));
  idle(milliseconds(1000));
  settle();
  EXPECT_EQ(fake.loop.meter().lag_ns.get(), ns(milliseconds(300)));
}

TEST_F(MeterTest, LagForgetsALongTurn) {
  work(milliseconds(300));
  idle(milliseconds(1000));
  settle();
  work(milliseconds(2));
  idle(milliseconds(1100));
  settle();
  EXPECT_EQ(fake.loop.meter().lag_ns.get(), ns(milliseconds(2)));
}

TEST_F(MeterTest, SleepIsNoLag) {
  idle(milliseconds(5000));
  idle(milliseconds(5000));
  settle();
  EXPECT_EQ(fake.loop.meter().lag_ns.get(), 0U);
}

TEST_F(MeterTest, MovesToOtherMemoryWithWhatItHolds) {
  work(milliseconds(4));
  idle(milliseconds(6));
  LoopMeter elsewhere{};
  fake.loop.use_meter(elsewhere);
  work(milliseconds(4));
  settle();
  EXPECT_EQ(elsewhere.busy_ns.get(), ns(milliseconds(8)));
  EXPECT_EQ(elsewhere.idle_ns.get(), ns(milliseconds(6)));
  EXPECT_EQ(&fake.loop.meter(), &elsewhere);
}

TEST_F(MeterTest, CpuTimeIsRefreshedEveryTenthOfASecond) {
  volatile std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) sum = sum + i;
  fake.clock.advance(milliseconds(100));
  fake.loop.turn(false);
  const std::uint64_t first = fake.loop.meter().cpu_ns.get();
  EXPECT_GT(first, 0U);
  fake.clock.advance(milliseconds(99));
  fake.loop.turn(false);
  EXPECT_EQ(fake.loop.meter().cpu_ns.get(), first);
  fake.clock.advance(milliseconds(1));
  fake.loop.turn(false);
  EXPECT_GT(fake.loop.meter().cpu_ns.get(), first);
}

}  // namespace
}  // namespace brigade
