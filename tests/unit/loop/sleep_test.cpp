#include <gtest/gtest.h>
#include <brigade/sleep.hpp>
#include "support/counted.hpp"
#include "support/root.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

namespace brigade {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing_support::FakeLoop;
using testing_support::Root;

class SleepTest : public testing_support::NothingLeft {
 protected:
  FakeLoop fake;
};

Task<> nap(Duration delay) {
  co_await sleep(delay);
}

Task<> nap_and_note(Duration delay, int name, std::vector<int>& order) {
  co_await sleep(delay);
  order.push_back(name);
}

TEST_F(SleepTest, IsNeverEarly) {
  for (const std::int64_t us :
       {1L, 999L, 1000L, 1001L, 63999L, 64000L, 64001L, 4096000L, 3600000123L}) {
    fake.clock.advance(microseconds(us % 777));
    const TimePoint before = fake.clock.now();
    fake.loop.run(nap(microseconds(us)));
    EXPECT_GE(fake.clock.now() - before, microseconds(us));
    EXPECT_LE(fake.clock.now() - before, microseconds(us) + milliseconds(2));
  }
}

TEST_F(SleepTest, CountsFromTheCallNotFromTheStartOfALongTurn) {
  const TimePoint called = fake.loop.run([](testing_support::FakeClock& clock) -> Task<TimePoint> {
    clock.advance(milliseconds(50));  // computing
    const TimePoint at = clock.now();
    co_await sleep(milliseconds(20));
    co_return at;
  }(fake.clock));
  EXPECT_GE(fake.clock.now() - called, milliseconds(20));
}

TEST_F(SleepTest, WakesInTheOrderOfDeadlines) {
  std::vector<int> order;
  std::vector<std::unique_ptr<Root>> roots;
  for (const int ms : {300, 100, 200, 5}) {
    roots.push_back(std::make_unique<Root>(nap_and_note(milliseconds(ms), ms, order)));
    roots.back()->start();
  }
  while (order.size() < 4) fake.loop.turn(true);
  EXPECT_EQ(order, (std::vector<int>{5, 100, 200, 300}));
}

TEST_F(SleepTest, WakesInTheOrderOfTheCallsWhereDeadlinesAreEqual) {
  std::vector<int> order;
  std::vector<std::unique_ptr<Root>> roots;
  for (int name = 0; name < 5; ++name) {
    roots.push_back(std::make_unique<Root>(nap_and_note(milliseconds(100), name, order)));
    roots.back()->start();
  }
  while (order.size() < 5) fake.loop.turn(true);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(SleepTest, OfNothingOrLessStillLetsTheLoopTurn) {
  for (const Duration delay : {Duration::zero(), Duration(-1), Duration::min()}) {
    const TimePoint before = fake.clock.now();
    Root root(nap(delay));
    root.start();
    EXPECT_FALSE(root.done());
    run_until_done(fake, root);
    EXPECT_LE(fake.clock.now() - before, milliseconds(1));
  }
}

TEST_F(SleepTest, ForEverWaitsAndCanBeCancelled) {
  Root root(nap(Duration::max()));
  root.start();
  for (int i = 0; i < 3; ++i) fake.loop.turn(false);
  EXPECT_FALSE(root.done());
  root.cancel(CancelReason::shutdown);
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::shutdown);
}

TEST_F(SleepTest, EndsAtOnceWhenCancelled) {
  Root root(nap(hours(1)));
  root.start();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
  EXPECT_EQ(fake.elapsed(), Duration::zero());
}

TEST_F(SleepTest, LeavesNoTimerBehindWhenDestroyed) {
  Root root(nap(hours(1)));
  root.start();
  root.destroy();
  Root other(nap(hours(2)));
  other.start();
  run_until_done(fake, other);
  EXPECT_GE(fake.elapsed(), hours(2));
}

TEST_F(SleepTest, DestroyedByATimerOfTheSameMillisecondDoesNotWake) {
  std::vector<int> order;
  Root victim(nap_and_note(milliseconds(10), 2, order));
  Root killer([](Root& other, std::vector<int>& out) -> Task<> {
    co_await sleep(milliseconds(10));
    out.push_back(1);
    other.destroy();
  }(victim, order));
  killer.start();
  victim.start();
  run_until_done(fake, killer);
  fake.loop.turn(false);
  EXPECT_EQ(order, std::vector<int>{1});
}

TEST_F(SleepTest, CancelledByATimerOfTheSameMillisecondThrows) {
  Root victim(nap(milliseconds(10)));
  Root killer([](Root& other) -> Task<> {
    co_await sleep(milliseconds(10));
    other.cancel(CancelReason::deadline);
  }(victim));
  killer.start();
  victim.start();
  run_until_done(fake, victim);
  EXPECT_EQ(victim.cancelled(), CancelReason::deadline);
}

Task<> take_turns(int name, std::vector<int>& order) {
  for (int i = 0; i < 3; ++i) {
    order.push_back(name);
    co_await yield();
  }
}

TEST_F(SleepTest, YieldLetsOtherTasksRun) {
  std::vector<int> order;
  Root one(take_turns(1, order));
  Root two(take_turns(2, order));
  one.start();
  two.start();
  run_until_done(fake, two);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 1, 2, 1, 2}));
}

TEST_F(SleepTest, YieldLetsTheLoopLookAtItsDescriptorsAndDoesNotSleep) {
  Root root([]() -> Task<> {
    for (int i = 0; i < 3; ++i) co_await yield();
  }());
  root.start();
  run_until_done(fake, root);
  EXPECT_EQ(fake.poller->timeouts, (std::vector<int>{0, 0, 0}));
}

TEST_F(SleepTest, YieldThrowsWhenCancelled) {
  Root root([]() -> Task<> { co_await yield(); }());
  root.start();
  root.cancel();
  run_until_done(fake, root);
  EXPECT_EQ(root.cancelled(), CancelReason::user);
}

}  // namespace
}  // namespace brigade
