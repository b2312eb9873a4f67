// How a worker thread's time and CPU time show.
#include <brigade/worker_thread.hpp>

#include "unit/threads/worker_support.hpp"

#include <thread>

namespace brigade::threads {
namespace {

using namespace std::chrono_literals;
using testing_support::spin_until_stopped;
using testing_support::tell_owner;

class EventLoopUtilizationTest : public testing_support::WorkerFixture {
 protected:
  static bool is_zero(const EventLoopUtilization& at) {
    return at.idle == Duration::zero() && at.active == Duration::zero() && at.utilization == 0;
  }
};

TEST_F(EventLoopUtilizationTest, IsZeroBeforeTheThreadIsOnlineAndAfterItsEnd) {
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> { co_await sleep(2ms); });
    EXPECT_TRUE(is_zero(worker.event_loop_utilization()));
    co_await worker.exited();
    EXPECT_TRUE(is_zero(worker.event_loop_utilization()));
  });
}

TEST_F(EventLoopUtilizationTest, TendsToOneWhileACallbackBlocksEvenIfItUsesNoCpu) {
  run([&]() -> Task<> {
    Worker worker([] {
      tell_owner("begun");
      while (!stop_requested()) std::this_thread::sleep_for(1ms);
    });
    co_await worker.receive();
    const auto first = worker.event_loop_utilization();
    co_await sleep(10ms);
    const auto delta = worker.event_loop_utilization().since(first);
    EXPECT_GE(delta.active, 10ms);
    EXPECT_EQ(delta.idle, Duration::zero());
    EXPECT_EQ(delta.utilization, 1.0);
    EXPECT_GT(first.utilization, 0.0);
  });
}

TEST_F(EventLoopUtilizationTest, TendsToZeroWhileTheThreadOnlyWaits) {
  run([&]() -> Task<> {
    Worker worker([]() -> Task<> {
      tell_owner("begun");
      co_await sleep(1h);
    });
    co_await worker.receive();
    // What a loop sleeps counts when it wakes; until then it is at least not active.
    co_await sleep(5ms);
    const auto first = worker.event_loop_utilization();
    co_await sleep(5ms);
    const auto delta = worker.event_loop_utilization().since(first);
    EXPECT_EQ(delta.active, Duration::zero());
    EXPECT_EQ(delta.utilization, 0.0);
  });
}

TEST_F(EventLoopUtilizationTest, CountsTheTimeOfManyTurnsOnce) {
  run([&]() -> Task<> {
    const TimePoint before = monotonic_now();
    Worker worker([]() -> Task<> {
      tell_owner("begun");
      while (true) co_await yield();  // always busy, and never in one turn for long
    });
    co_await worker.receive();
    auto earlier = worker.event_loop_utilization();
    for (int i = 0; i < 10; ++i) {
      co_await sleep(2ms);
      const auto now = worker.event_loop_utilization();
      const auto delta = now.since(earlier);
      EXPECT_GE(delta.active, Duration::zero());
      EXPECT_LE(now.active + now.idle, monotonic_now() - before);
      earlier = now;
    }
    EXPECT_GT(earlier.active, Duration::zero());
  });
}

TEST_F(EventLoopUtilizationTest, OfTheCallingThreadIsItsLoops) {
  run([&]() -> Task<> {
    const TimePoint before = monotonic_now();
    const auto first = event_loop_utilization();
    co_await sleep(20ms);
    const auto slept = event_loop_utilization().since(first);
    EXPECT_GT(slept.idle, Duration::zero());
    EXPECT_LT(slept.utilization, 1.0);
    EXPECT_LE(slept.idle + slept.active, monotonic_now() - before);
    const auto second = event_loop_utilization();
    std::this_thread::sleep_for(5ms);
    const auto blocked = event_loop_utilization().since(second);
    EXPECT_GE(blocked.active, 5ms);
    EXPECT_EQ(blocked.utilization, 1.0);
  });
}

TEST_F(EventLoopUtilizationTest, NeedsALoop) {
  EXPECT_THROW(event_loop_utilization(), std::logic_error);
}

TEST_F(EventLoopUtilizationTest, DifferenceToItselfIsZero) {
  const EventLoopUtilization reading{.idle = 3ms, .active = 1ms, .utilization = 0.25};
  EXPECT_TRUE(is_zero(reading.since(reading)));
  EXPECT_EQ(reading.since({}).utilization, 0.25);
}

TEST_F(EventLoopUtilizationTest, CpuTimeGrowsWhileTheThreadComputesAndEndsWithIt) {
  run([&]() -> Task<> {
    Worker worker([] {
      tell_owner("begun");
      while (!stop_requested()) {
      }
    });
    co_await worker.receive();
    const auto first = worker.cpu_time();
    EXPECT_TRUE(first);
    const testing_support::Deadline deadline;
    while (*worker.cpu_time() < *first + 5ms && !deadline.passed()) co_await yield();
    EXPECT_GE(*worker.cpu_time(), *first + 5ms);
    co_await worker.terminate();
    EXPECT_FALSE(worker.cpu_time());
  });
}

}  // namespace
}  // namespace brigade::threads
